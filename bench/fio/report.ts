/** Latencies of one kind of request. */
export interface FioLatency {
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** What a job of fio measured. Its time includes the flush at the end. */
export interface FioResult {
  readonly requests: number;
  readonly bytes: number;
  readonly runtimeMs: number;
  readonly latency: FioLatency;
  /** Flushes between the writes; the one at the end is not counted. */
  readonly flushes: number;
  readonly flushLatency: FioLatency | undefined;
}

type Json = Readonly<Record<string, unknown>>;

/** Reads fio's JSON report. @throws Error when it is not one, or the job had an error */
export function readReport(text: string, rw: string): FioResult {
  const report = JSON.parse(text.slice(text.indexOf('{'))) as Json;
  const jobs = report.jobs;
  const job = map(Array.isArray(jobs) ? jobs[0] : undefined, 'jobs[0]');
  if (job.error !== 0) throw new Error(`fio ended with error ${String(job.error)}`);
  const part = map(rw.endsWith('read') ? job.read : job.write, 'read or write');
  const sync = map(job.sync, 'sync');
  const flushes = count(sync.total_ios, 'sync.total_ios');
  return {
    requests: count(part.total_ios, 'total_ios'),
    bytes: count(part.io_bytes, 'io_bytes'),
    runtimeMs: count(part.runtime, 'runtime'),
    latency: latency(map(part.clat_ns, 'clat_ns')),
    flushes,
    flushLatency: flushes === 0 ? undefined : latency(map(sync.lat_ns, 'sync.lat_ns')),
  };
}

function latency(nanoseconds: Json): FioLatency {
  const percentiles = map(nanoseconds.percentile, 'percentile');
  return {
    meanUs: count(nanoseconds.mean, 'mean') / 1000,
    p50Us: count(percentiles['50.000000'], 'p50') / 1000,
    p99Us: count(percentiles['99.000000'], 'p99') / 1000,
  };
}

function map(value: unknown, what: string): Json {
  if (typeof value === 'object' && value !== null) return value as Json;
  throw new Error(`no ${what} in fio's report`);
}

function count(value: unknown, what: string): number {
  if (typeof value === 'number') return value;
  throw new Error(`no ${what} in fio's report`);
}
