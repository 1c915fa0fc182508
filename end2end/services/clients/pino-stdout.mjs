// pino's standard output: node pino-stdout.mjs
import pino from 'pino';

const log = pino({ base: { hostname: 'till-1' } });
log.error({ order: 17, trace_id: '5b8efff798038103d269b633813fc60c', err: new Error('no such card') }, 'order 17 is not paid: 카드');
log.debug('not written at this level');
