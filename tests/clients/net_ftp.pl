# Net::FTP over TLS, which never sends close_notify. Arguments: PORT explicit|implicit 1.2|1.3 CERTIFICATE.
use strict;
use warnings;
use Net::FTP;

my ($port, $mode, $version, $certificate) = @ARGV;
$version =~ tr/./_/;
local $SIG{__WARN__} = sub { die @_ };

my $ftp;

# Both arguments are scalars: a failure is an empty list elsewhere.
sub must($$) {
    $_[0] or die "$_[1]: " . $ftp->message;
}

sub slurp {
    open my $file, '<:raw', $_[0] or die "$_[0]: $!";
    local $/;
    return <$file>;
}

for my $passive (1, 0) {
    $ftp = Net::FTP->new(
        '127.0.0.1',
        Port        => $port,
        SSL         => $mode eq 'implicit',
        SSL_ca_file => $certificate,
        SSL_version => "TLSv$version",
        Passive     => $passive,
        Timeout     => 20,
    ) or die "no connection: $@";
    $mode eq 'implicit' or must($ftp->starttls, 'starttls');
    must($ftp->login('bob', 'secret'), 'login');
    must($ftp->binary, 'binary');
    must($ftp->put('source.bin', 'stored.bin'), 'put');
    must($ftp->put('tree/empty', 'empty'), 'put an empty file');
    must($ftp->get('stored.bin', 'got.bin'), 'get');
    slurp('got.bin') eq slurp('source.bin') or die 'it came back different';
    # It appends what comes to what is there.
    truncate 'got.bin', 1000 or die "got.bin: $!";
    must($ftp->get('stored.bin', 'got.bin', 1000), 'get the rest');
    slurp('got.bin') eq slurp('source.bin') or die 'the rest is different';
    must($ftp->append('source.bin', 'stored.bin'), 'append');
    $ftp->size('stored.bin') == 2 * -s 'source.bin' or die 'the appended file has another size';
    join(' ', sort $ftp->ls) eq 'empty stored.bin' or die 'another listing';
    grep { / stored\.bin$/ } $ftp->dir or die 'no long listing';
    must($ftp->delete($_), "delete $_") for 'stored.bin', 'empty';
    must($ftp->quit, 'quit');
}
