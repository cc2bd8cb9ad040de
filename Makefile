# Everything a person does with this project; `make` alone lists it.

PREFIX  ?= /usr/local
DESTDIR ?=
# What install and the packages take instead of a release build, such as BINARY=target/debug/ftpd.
BINARY  ?=
BUILT   := $(if $(BINARY),,build)
PROGRAM := $(or $(BINARY),./ftpd)
TARGET  := $(or $(CARGO_TARGET_DIR),target)
# cargo-nextest if it is installed, else plain cargo.
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)
SUDO    := $(shell [ "$$(id -u)" = 0 ] || command -v sudo 2>/dev/null)
# iproute2, nftables and haproxy build the networks of some tests (as root), strace the faults of a system; groff renders
# man pages, debootstrap makes a Debian for its package.
CLIENTS := curl lftp wget ncftp tnftp python3 python3-venv openssl gnutls-bin rclone libio-socket-ssl-perl php-cli iproute2 nftables haproxy strace groff-base debootstrap
# A nodejs that is not Debian's brings its own npm, and Debian's npm can't be installed with it.
CLIENTS += $(shell command -v npm >/dev/null || echo nodejs npm)
TARGETS := line command path charset address ini session head chunks range destination
SECONDS ?= 30
FUZZ    := tests/fuzz

.DEFAULT_GOAL := help
.PHONY: help build homes run test test-web test-clients lint pictures fmt check audit fuzz soak bench install uninstall deb dist test-packages clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: homes ## Build the release binary ./ftpd and the sample homes below share/
	cargo build --release --locked
	cp -f "$(TARGET)/release/ftpd" ./ftpd

# The homes of user.ini, with something in them.
homes:
	mkdir -p share/alex share/egon
	@test -e share/alex/hello.txt || echo "Hello! This is share/alex/hello.txt, in the home of alex." > share/alex/hello.txt
	chmod go-rwx user.ini

run: $(BUILT) homes ## Build, then serve the sample ftpd.conf and user.ini
	@awk -F ' = ' '/^\[/ { section = $$0 } section $$1 == "[server]port" { port = $$2 } \
		section $$1 == "[alex]password" && $$2 !~ /^\$$/ { password = $$2 } \
		END { if (port && password) printf "Try it from another terminal:\n    curl ftp://alex:%s@127.0.0.1:%s/hello.txt\n", \
			password, port }' ftpd.conf user.ini
	$(PROGRAM) -c ftpd.conf -u user.ini

test: ## Run all tests, most of them over TLS, too (missing FTP clients are skipped)
ifeq ($(NEXTEST),)
	cargo test --locked --no-fail-fast
	for mode in explicit implicit; do FTPD_TEST_TLS=$$mode cargo test --locked --no-fail-fast --test it -- \
		--skip architecture --skip tls || exit 1; done
	cargo test --locked --features planted-bug --test it planted
else
	cargo nextest run --locked --no-fail-fast
	FTPD_TEST_TLS=explicit cargo nextest run --locked --no-fail-fast \
		-E 'binary(it) and not test(/^(architecture|tls)/)'
# The web has TLS of one kind only.
	FTPD_TEST_TLS=implicit cargo nextest run --locked --no-fail-fast \
		-E 'binary(it) and not test(/^(architecture|tls|web)/)'
	cargo nextest run --locked --features planted-bug --test it planted
	cargo test --locked --doc
endif

test-web: ## Try the page in Chromium (apt; playwright-core below the target folder); screenshots: target/web-shots
	command -v chromium >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; }
	npm install --loglevel=error --no-audit --no-fund --no-package-lock --prefix "$(TARGET)/web/node" playwright-core@1
	cargo build --locked
	FTPD="$(TARGET)/debug/ftpd" TARGET="$(TARGET)" node --test --test-reporter=spec tests/web/*.test.mjs

test-clients: ## Install the FTP clients that the tests use (apt; PyPI and npm below the target folder)
	$(SUDO) apt-get update -qq
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(CLIENTS)
	python3 -m venv "$(TARGET)/clients/python"
	"$(TARGET)/clients/python/bin/pip" install --quiet --disable-pip-version-check aioftp zeroconf
	npm install --loglevel=error --no-audit --no-fund --no-package-lock --prefix "$(TARGET)/clients/node" basic-ftp

lint: ## Check format, clippy and documentation
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --all-targets --features planted-bug -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --locked --no-deps
	$(if $(shell command -v shellcheck),shellcheck -x packaging/*.sh packaging/*/*.sh packaging/deb/p*)

pictures: test-web ## Make the pictures of the docs again, from what ftpd shows on a terminal (as root) and in a browser
	FTPD_WRITE_PICTURES=1 cargo test --locked --test it pictures::
	cp "$(TARGET)/web-shots/uploading.png" docs/pictures/page.png

fmt: ## Format the code
	cargo fmt

check: lint test ## What CI runs: lint, then test

audit: ## Look for known vulnerabilities, licences and origins of dependencies (deny.toml; needs the network)
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is not installed: cargo install --locked cargo-deny"; exit 1; }
	cargo deny --locked check

fuzz: ## Fuzz each target for SECONDS=30, or one: make fuzz T=line
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is not installed: cargo install cargo-fuzz"; exit 1; }
	$(foreach target,$(or $(T),$(TARGETS)),$(call fuzz,$(target)))

# One target, with its seeds and its dictionary if it has them. No sanitizer: there is no unsafe code to look into, and it
# would halve the number of inputs.
define fuzz
mkdir -p $(FUZZ)/corpus/$(1)
cargo +nightly fuzz run --sanitizer none --fuzz-dir $(FUZZ) $(1) $(FUZZ)/corpus/$(1) $(wildcard $(FUZZ)/seeds/$(1)) -- \
	-max_total_time=$(SECONDS) $(addprefix -dict=,$(wildcard $(FUZZ)/$(1).dict))

endef

soak: ## Run the long tests: hundreds of sessions, ten thousand rounds, a thousand kills
	cargo test --locked --release --test it -- --ignored --test-threads=1

bench: ## Measure against other FTP and web servers and a floor (BENCH="--quick --peers vsftpd …")
	cargo build --release --locked
	cargo run --release --locked --manifest-path tests/bench/Cargo.toml --target-dir "$(TARGET)/bench" -- --ftpd "$(TARGET)/release/ftpd" $(BENCH)

install: $(BUILT) ## Install the program, man pages, completions, units and documents below PREFIX (and DESTDIR)
	PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" packaging/install.sh install "$(PROGRAM)"

uninstall: ## Remove what install put there
	PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" packaging/install.sh uninstall

deb: $(BUILT) ## Build a package for Debian and its like: target/ftpd_VERSION_ARCH.deb
	OUTPUT="$(TARGET)" packaging/deb/build.sh "$(PROGRAM)"

dist: $(BUILT) ## Build target/ftpd-VERSION-linux-ARCH.tar.gz, for machines with nothing but libc
	OUTPUT="$(TARGET)" packaging/dist/build.sh "$(PROGRAM)"

test-packages: $(BUILT) ## Try package, tar.gz and image in trees of their own (root; debootstrap for the package)
	packaging/test/dist.sh "$(PROGRAM)"
	packaging/test/container.sh "$(PROGRAM)"
	packaging/test/deb.sh "$(PROGRAM)"

clean: ## Remove what the build made
	cargo clean
	rm -f ftpd
