export type { AgentEvent, StopResult, VolumeOutcome } from './agent/events.js';
export type { AgentOptions, AgentVolumeOptions } from './agent/options.js';
export type { RunningAgent, VolumeStatus } from './agent/running-agent.js';
export { startAgent } from './agent/start-agent.js';
export type { Disk, DiskStamp, ZeroMode } from './backing/disk.js';
export { type OpenDisk, openDisk } from './backing/open-disk.js';
export { AGENT_LIMITS, type AgentLimits } from './limits.js';
export {
  nextVolumeState,
  VOLUME_EVENTS,
  VOLUME_TRANSITIONS,
  type VolumeEvent,
} from './states/volume-states.js';
export type { Logger } from './system/logger.js';
export { type Random, systemRandom } from './system/random.js';
export { type Cancel, type Scheduler, systemScheduler } from './system/scheduler.js';
