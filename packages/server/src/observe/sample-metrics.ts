import type { HttpContext } from '../http/context.js';
import { groupVolumes } from '../status/server-status.js';
import { ALARM_CODES } from './alarms.js';

/** Brings the gauges that mirror other parts of the server up to date, just before a scrape. */
export const sampleMetrics = (context: HttpContext): void => {
  const { alarms, budget, clock, hub, metrics } = context;
  const { open, handshakes } = hub.count();
  metrics.sessions.set({ state: 'open' }, open);
  metrics.sessions.set({ state: 'handshake' }, handshakes);
  metrics.heldBytes.set(budget.bytes);
  metrics.pausedSessions.set(budget.waiting);
  metrics.problems.set(context.problems().length);
  const shown = alarms.list(clock.nowUs());
  for (const code of ALARM_CODES) {
    metrics.alarms.set({ code }, shown.filter((alarm) => alarm.code === code).length);
  }
  sampleVolumes(context);
};

/** Labels are made of registered names only, and of no more than the limit. */
const sampleVolumes = (context: HttpContext): void => {
  const { clock, journal, limits, metrics } = context;
  const nowUs = clock.nowUs();
  metrics.volumeRpo.reset();
  metrics.volumeState.reset();
  metrics.watermarkAge.reset();
  let left = limits.metricsVolumesMax;
  let notShown = 0;
  for (const group of journal.groups()) {
    if (left > 0 && group.watermark !== undefined) {
      const ageUs = Math.max(0, nowUs - group.watermark.timeUs);
      metrics.watermarkAge.set({ group: group.name }, ageUs / 1e6);
    }
    for (const { volume, rpoMs, state } of groupVolumes(context, group, nowUs)) {
      if (left === 0) {
        notShown += 1;
        continue;
      }
      left -= 1;
      metrics.volumeState.set({ volume, state }, 1);
      if (rpoMs !== null) metrics.volumeRpo.set({ volume }, rpoMs / 1000);
    }
  }
  metrics.volumesNotShown.set(notShown);
};
