// The line between browser and server, which a test can hold or cut.

import { createServer, connect } from "node:net";

export class Line {
  /** A line to a port of this machine; the browser uses `line.port`. */
  static async to(port) {
    const line = new Line();
    Object.assign(line, { pairs: new Set(), limit: Infinity, isCut: false });
    line.listener = createServer({ allowHalfOpen: true }, (near) => line.join(near, port));
    await new Promise((resolve) => line.listener.listen(0, "127.0.0.1", resolve));
    line.port = line.listener.address().port;
    return line;
  }

  join(near, port) {
    near.on("error", () => {});
    if (this.isCut) return near.destroy();
    const far = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const pair = { near, far, passed: 0 };
    this.pairs.add(pair);
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on("error", () => other.destroy());
      one.on("close", () => { other.destroy(); this.pairs.delete(pair); });
      one.on("end", () => other.end());
      one.on("drain", () => this.flow(pair));
    }
    far.on("data", (bytes) => { if (!near.write(bytes)) far.pause(); });
    near.on("data", (bytes) => {
      pair.passed += bytes.length;
      far.write(bytes);
      this.flow(pair);
      if (pair.passed >= this.limit) this.heldBack?.();
    });
  }

  /** Lets bytes go on, as far as both sides and the test want it. */
  flow({ near, far, passed }) {
    if (passed >= this.limit || far.writableNeedDrain) near.pause(); else near.resume();
    if (!near.writableNeedDrain) far.resume();
  }

  /** Lets so many more bytes of each connection through to the server, then none; fulfilled when one is held. */
  hold(bytes) {
    this.limit = bytes;
    for (const pair of this.pairs) pair.passed = 0;
    return new Promise((resolve) => { this.heldBack = resolve; });
  }

  release() {
    this.limit = Infinity;
    for (const pair of this.pairs) this.flow(pair);
  }

  /** Breaks all connections, and refuses new ones until it is mended. */
  cut() {
    this.isCut = true;
    this.limit = Infinity;
    for (const { near, far } of this.pairs) { near.resetAndDestroy(); far.resetAndDestroy(); }
  }

  mend() { this.isCut = false; }

  close() {
    this.cut();
    this.listener.close();
  }
}
