import type { FallbackOption } from '../options';
import { ConsoleFallback } from './console';
import { DropFallback } from './drop';
import type { Fallback } from './fallback';
import { FileFallback } from './file';

export function fallbackOf(option: FallbackOption): Fallback {
  if (option === 'console') return new ConsoleFallback();
  if (option === 'drop') return new DropFallback();
  return new FileFallback(option.file);
}
