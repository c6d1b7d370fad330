import { readdir, readFile, readlink } from 'node:fs/promises';

const LISTENING = '0A';

/** Inodes of the sockets that listen on a port, from the text of /proc/net/tcp or tcp6. */
export const listeningInodes = (table: string, port: number): readonly string[] =>
  table.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const hexPort = fields[1]?.split(':')[1];
    const isMatch = fields[3] === LISTENING && Number.parseInt(hexPort ?? '', 16) === port;
    return isMatch && fields[9] !== undefined ? [fields[9]] : [];
  });

const inodesOf = async (port: number): Promise<ReadonlySet<string>> => {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  return new Set(tables.flatMap((table) => listeningInodes(table, port)));
};

const holdsOne = async (pid: string, inodes: ReadonlySet<string>): Promise<boolean> => {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const name of names) {
    const target = await readlink(`/proc/${pid}/fd/${name}`).catch(() => '');
    if (inodes.has(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? '')) return true;
  }
  return false;
};

/**
 * Who listens on a TCP port of this machine: `nginx (pid 812)`; undefined when nobody does, or when
 * it is a process of another user and this one is not root.
 */
export const portOwner = async (port: number): Promise<string | undefined> => {
  const inodes = await inodesOf(port);
  if (inodes.size === 0) return undefined;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    if (!(await holdsOne(pid, inodes))) continue;
    const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '?')).trim();
    return `${name} (pid ${pid})`;
  }
  return undefined;
};
