import type { ServerLimits } from '../limits.js';

/** What an alarm is about. */
export const ALARM_CODES = [
  /** The agent is connected and sends nothing. */
  'AGENT_SILENT',
  /** The agent is gone without having said goodbye. */
  'AGENT_GONE',
  /** Another agent, or the same from another place, has taken the group over. */
  'HOLDER_CHANGED',
  /** The server has less than it had acknowledged. */
  'ACKNOWLEDGED_LOSS',
  /** A guest's flush is answered before the journal has everything. */
  'DURABILITY_REDUCED',
] as const;
export type AlarmCode = (typeof ALARM_CODES)[number];

/** Something a person should look at. */
export interface Alarm {
  readonly code: AlarmCode;
  readonly message: string;
  readonly group: string;
  readonly volume?: string | undefined;
  /** When it began, by the server's clock. */
  readonly sinceUs: number;
  /** True while the condition lasts; false for something that happened. */
  readonly lasting: boolean;
}

/** The alarms of a server: what lasts, and what happened lately. Bounded. */
export class AlarmBook {
  readonly #limits: ServerLimits;
  readonly #alarms = new Map<string, Alarm>();

  constructor(limits: ServerLimits) {
    this.#limits = limits;
  }

  /** Raises an alarm; true when it is new. An event replaces the older one of its kind. */
  raise(alarm: Alarm): boolean {
    const key = `${alarm.code} ${alarm.group} ${alarm.volume ?? ''}`;
    const known = this.#alarms.get(key);
    if (known !== undefined && alarm.lasting) return false;
    this.#alarms.delete(key);
    this.#alarms.set(key, alarm);
    if (this.#alarms.size > this.#limits.alarmsMax) {
      const [oldest] = this.#alarms.keys();
      if (oldest !== undefined) this.#alarms.delete(oldest);
    }
    return true;
  }

  /** The condition is over; true when it had been raised. */
  clear(code: AlarmCode, group: string, volume?: string): boolean {
    return this.#alarms.delete(`${code} ${group} ${volume ?? ''}`);
  }

  /** The alarms, oldest first; events that are long past are dropped. */
  list(nowUs: number): readonly Alarm[] {
    for (const [key, alarm] of this.#alarms) {
      const past = nowUs - alarm.sinceUs > this.#limits.alarmEventMs * 1000;
      if (!alarm.lasting && past) this.#alarms.delete(key);
    }
    return [...this.#alarms.values()];
  }
}
