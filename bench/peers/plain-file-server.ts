import { fdatasync, fstatSync, openSync, readSync, write, writeSync } from 'node:fs';
import { type NbdExport, type NbdExportInfo, type NbdPending, NbdServer } from '@retrace/nbd';

/** As the agent does it: larger writes go through the thread pool. */
const POOLED_BYTES_MIN = 64 * 1024;

/**
 * A plain file behind Retrace's own NBD server, with the calls the agent makes on a disk, and no
 * journal: what protection is compared with. Started as a program of its own: FILE SOCKET.
 */
class PlainFileExport implements NbdExport {
  readonly info: NbdExportInfo;
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
    this.info = {
      name: '',
      sizeBytes: fstatSync(fd).size,
      readOnly: false,
      canMultiConn: false,
      supports: { flush: true, fua: false, trim: false, writeZeroes: false, cache: false },
    };
  }

  read(offset: number, target: Buffer): NbdPending {
    readSync(this.#fd, target, 0, target.length, offset);
    return undefined;
  }

  write(offset: number, data: Buffer): NbdPending {
    if (data.length < POOLED_BYTES_MIN) {
      writeSync(this.#fd, data, 0, data.length, offset);
      return undefined;
    }
    return new Promise((resolve, reject) => {
      write(this.#fd, data, 0, data.length, offset, (error, count) => {
        if (error !== null) reject(error);
        else if (count === data.length) resolve();
        else reject(new Error('short write'));
      });
    });
  }

  flush(): NbdPending {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  trim(): NbdPending {
    return undefined;
  }

  writeZeroes(): NbdPending {
    return undefined;
  }

  close(): void {}
}

const [, , file, socket] = process.argv;
if (file === undefined || socket === undefined) throw new Error('usage: FILE SOCKET');
const fd = openSync(file, 'r+');
await NbdServer.listen({
  address: { path: socket },
  provider: {
    list: () => Promise.resolve([{ name: '' }]),
    open: () => Promise.resolve(new PlainFileExport(fd)),
  },
});
process.on('SIGTERM', () => process.exit(0));
