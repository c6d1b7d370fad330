import type { NbdServerStats } from '@retrace/nbd';
import type { JournalPort } from '../journal-port.js';
import type { Metrics } from './metrics.js';

/** What the journal counts itself, as metrics. */
export const mirrorJournal = (metrics: Metrics, journal: JournalPort): void => {
  metrics.gauge('index_bytes', 'Memory of the hot index', [], (value) =>
    value(journal.stats().indexBytes),
  );
  metrics.gauge('index_extents', 'Records in the hot index', [], (value) =>
    value(journal.stats().indexExtents),
  );
  metrics.gauge('layers', 'Layers there are', [], (value) => value(journal.stats().layers));
  metrics.gauge('layer_bytes', 'Bytes of all layers', [], (value) =>
    value(journal.stats().layerBytes),
  );
  metrics.counter('sealed_records_total', 'Records sealed into layers', [], (value) =>
    value(journal.stats().seal?.records ?? 0),
  );
  metrics.counter('sealed_bytes_total', 'Bytes sealed, by side', ['side'], (value) => {
    const { logBytes = 0, layerBytes = 0 } = journal.stats().seal ?? {};
    value(logBytes, { side: 'log' });
    value(layerBytes, { side: 'layers' });
  });
  metrics.counter('seal_failures_total', 'Times that sealing failed', [], (value) =>
    value(journal.stats().seal?.failures ?? 0),
  );
  metrics.counter('journal_records_total', 'Records stored, over all runs', [], (value) =>
    value(journal.stats().lastLsn),
  );
};

/** What scratch exports hold. */
export const mirrorScratch = (
  metrics: Metrics,
  space: { readonly held: { readonly memoryBytes: number; readonly fileBytes: number } },
): void => {
  metrics.gauge('scratch_bytes', 'Held by scratch exports', ['where'], (value) => {
    value(space.held.memoryBytes, { where: 'memory' });
    value(space.held.fileBytes, { where: 'file' });
  });
};

/** What the NBD servers count. */
export const mirrorNbd = (metrics: Metrics, read: () => readonly NbdServerStats[]): void => {
  const sum = (of: (stats: NbdServerStats) => number): number =>
    read().reduce((total, stats) => total + of(stats), 0);
  metrics.gauge('nbd_connections', 'NBD connections', [], (value) =>
    value(sum((stats) => stats.connectionsNow)),
  );
  metrics.gauge('nbd_requests_in_flight', 'NBD requests under way', [], (value) =>
    value(sum((stats) => stats.requestsInFlightNow)),
  );
  metrics.counter('nbd_connections_total', 'NBD connections so far', ['outcome'], (value) => {
    value(
      sum((stats) => stats.connectionsTotal),
      { outcome: 'accepted' },
    );
    value(
      sum((stats) => stats.connectionsRefusedTotal),
      { outcome: 'refused' },
    );
    value(
      sum((stats) => stats.connectionsFailedTotal),
      { outcome: 'failed' },
    );
  });
  metrics.counter('nbd_requests_total', 'NBD requests by command', ['command'], (value) => {
    for (const stats of read()) {
      for (const [command, count] of Object.entries(stats.requestsTotal)) value(count, { command });
    }
  });
  metrics.counter('nbd_bytes_total', 'Payload over NBD', ['direction'], (value) => {
    value(
      sum((stats) => stats.bytesReadTotal),
      { direction: 'read' },
    );
    value(
      sum((stats) => stats.bytesWrittenTotal),
      { direction: 'written' },
    );
  });
  metrics.counter('nbd_errors_total', 'NBD requests answered with an error', [], (value) =>
    value(sum((stats) => stats.errorsTotal)),
  );
};
