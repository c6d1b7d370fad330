import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Reads values from elsewhere and hands each over with its labels. */
export type Reader<L extends string> = (
  value: (value: number, labels?: Readonly<Record<L, string>>) => void,
) => void;

const COMMIT_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const counter = <L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[] = [],
): Counter<L> => new Counter({ name: `retrace_${name}`, help, labelNames, registers: [registry] });

const gauge = <L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[] = [],
): Gauge<L> => new Gauge({ name: `retrace_${name}`, help, labelNames, registers: [registry] });

/** The metrics of one server. What is counted elsewhere is read by collectors at each scrape. */
export class Metrics {
  readonly registry = new Registry();
  readonly ingestBytes = counter(this.registry, 'ingest_bytes_total', 'Data frames received');
  readonly ingestRecords = counter(this.registry, 'ingest_records_total', 'Records received');
  readonly ackSeconds = new Histogram({
    name: 'retrace_ingest_ack_seconds',
    help: 'From the arrival of a data frame to its being durable',
    buckets: COMMIT_BUCKETS_S,
    registers: [this.registry],
  });
  readonly errors = counter(this.registry, 'errors_total', 'Errors by code and by where', [
    'code',
    'where',
  ]);
  readonly httpRequests = counter(this.registry, 'http_requests_total', 'HTTP requests', [
    'route',
    'status',
  ]);
  readonly sessions = gauge(this.registry, 'agent_sessions', 'Agents connected', ['state']);
  readonly heldBytes = gauge(
    this.registry,
    'ingest_held_bytes',
    'Received from agents and not durable yet',
  );
  readonly pausedSessions = gauge(
    this.registry,
    'ingest_paused_sessions',
    'Connections that are not read until others are stored',
  );
  readonly volumeRpo = gauge(
    this.registry,
    'volume_rpo_seconds',
    'How far the newest complete instant lies back',
    ['volume'],
  );
  readonly volumeState = gauge(
    this.registry,
    'volume_state',
    '1 for the state the agent reports of a volume',
    ['volume', 'state'],
  );
  readonly watermarkAge = gauge(
    this.registry,
    'group_watermark_age_seconds',
    'Since the newest watermark, by the clock of the server',
    ['group'],
  );
  readonly volumesNotShown = gauge(
    this.registry,
    'volumes_without_metrics',
    'Volumes beyond the limit of those with metrics of their own',
  );
  readonly alarms = gauge(this.registry, 'alarms', 'Alarms shown in the status', ['code']);
  readonly problems = gauge(this.registry, 'problems', 'Damages known');
  readonly exports = gauge(this.registry, 'nbd_exports_open', 'Views open over NBD', ['kind']);
  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Adds a gauge whose values are read from elsewhere at each scrape. */
  gauge<L extends string>(name: string, help: string, labelNames: readonly L[], read: Reader<L>) {
    new Gauge({
      ...{ name: `retrace_${name}`, help, labelNames, registers: [this.registry] },
      collect() {
        this.reset();
        read((value, labels) => (labels === undefined ? this.set(value) : this.set(labels, value)));
      },
    });
  }

  /** The same for what only grows. */
  counter<L extends string>(name: string, help: string, labelNames: readonly L[], read: Reader<L>) {
    new Counter({
      ...{ name: `retrace_${name}`, help, labelNames, registers: [this.registry] },
      collect() {
        this.reset();
        read((value, labels) => (labels === undefined ? this.inc(value) : this.inc(labels, value)));
      },
    });
  }
}
