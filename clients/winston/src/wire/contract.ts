import { parse } from 'protobufjs';
import { CONTRACT } from './contract.generated';

const { root } = parse(CONTRACT);
root.resolveAll();

/** The path of the streaming call. */
export const STREAM = '/logboom.v1.LogService/Stream';

export const PushRequest = root.lookupType('logboom.v1.PushRequest');
export const Record = root.lookupType('logboom.v1.Record');
export const StreamResponse = root.lookupType('logboom.v1.StreamResponse');
