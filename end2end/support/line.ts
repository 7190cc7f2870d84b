// A line between browser and gateway that can be cut, as a site's radio link is.
import { connect, createServer, type Server, type Socket } from 'node:net';

export class Line {
  private constructor(
    private readonly listener: Server,
    readonly url: string,
  ) {}

  private readonly sockets = new Set<Socket>();
  private cutAt = Infinity;
  private isCut = false;

  /** Bytes that went to the gateway. */
  sent = 0;

  static async to(gateway: string): Promise<Line> {
    const { hostname, port } = new URL(gateway);
    const listener = createServer({ pauseOnConnect: true });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const address = listener.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const line = new Line(listener, `http://127.0.0.1:${address.port}`);
    listener.on('connection', (near) => line.carry(near, connect(Number(port), hostname)));
    return line;
  }

  private carry(near: Socket, far: Socket): void {
    if (this.isCut) {
      near.destroy();
      far.destroy();
      return;
    }
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      this.sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    near.on('data', (bytes) => {
      this.sent += bytes.length;
      if (this.sent >= this.cutAt) this.cut();
    });
    near.pipe(far);
    far.pipe(near);
  }

  /** Cuts everything when so many more bytes have gone to the gateway. */
  cutAfter(bytes: number): void {
    this.cutAt = this.sent + bytes;
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    [this.isCut, this.cutAt] = [false, Infinity];
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.listener.close(resolve));
  }
}
