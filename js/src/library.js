/** What every entry of the package has; what differs is where pymalloc.wasm comes from. */

export { attachComponent } from './component.js';
export { Heap } from './heap.js';
export { PageKind, PoolState } from './map.js';
export { BlockState, ChunkKind } from './blocks.js';
export { Profile } from './profile/profile.js';
export { profilable } from './profile/channel.js';
export { PymallocError, PymallocTypeError, PymallocRangeError } from './errors.js';
export { descriptorOf, parseDescriptor } from './descriptor.js';
export { memoryReport } from './report.js';
export { diff, snapshotFromJSON, snapshotToJSON } from './snapshot.js';
/** @typedef {import('./profile/profile.js').Holdings} Holdings */
/** @typedef {import('./profile/profile.js').Site} Site */
/** @typedef {import('./profile/profile.js').Line} Line */
/** @typedef {import('./profile/stack.js').Frame} Frame */
/** @typedef {import('./stats.js').HeapStats} HeapStats */
/** @typedef {import('./stats.js').DomainStats} DomainStats */
/** @typedef {import('./stats.js').ClassStats} ClassStats */
/** @typedef {import('./stats.js').PageStats} PageStats */
/** @typedef {import('./stats.js').LostStats} LostStats */
/** @typedef {import('./stats.js').RawStats} RawStats */
/** @typedef {import('./stats.js').Fault} Fault */
/** @typedef {import('./map.js').HeapMap} HeapMap */
/** @typedef {import('./map.js').PoolMap} PoolMap */
/** @typedef {import('./map.js').MapTotals} MapTotals */
/** @typedef {import('./blocks.js').Blocks} Blocks */
/** @typedef {import('./blocks.js').Chunks} Chunks */
/** @typedef {import('./blocks.js').Look} Look */
/** @typedef {import('./blocks.js').LookKind} LookKind */
/** @typedef {import('./map.js').MapOptions} MapOptions */
/** @typedef {import('./snapshot.js').Snapshot} Snapshot */
/** @typedef {import('./snapshot.js').HeapDiff} HeapDiff */
/** @typedef {import('./snapshot.js').DomainDiff} DomainDiff */
/** @typedef {import('./snapshot.js').ClassDiff} ClassDiff */
/** @typedef {import('./snapshot.js').PageDiff} PageDiff */
/** @typedef {import('./snapshot.js').PoolDiff} PoolDiff */
/** @typedef {import('./events.js').HeapEvent} HeapEvent */
/** @typedef {import('./events.js').EventBase} EventBase */
/** @typedef {import('./events.js').GrowEvent} GrowEvent */
/** @typedef {import('./events.js').LimitEvent} LimitEvent */
/** @typedef {import('./events.js').OomEvent} OomEvent */
/** @typedef {import('./events.js').AskedEvent} AskedEvent */
/** @typedef {import('./events.js').ListenOptions} ListenOptions */
/** @typedef {import('./heap.js').Limit} Limit */
/** @typedef {import('./heap.js').Limits} Limits */
/** @typedef {import('./descriptor.js').Descriptor} Descriptor */
/** @typedef {import('./errors.js').ErrorCode} ErrorCode */
/** @typedef {import('./component.js').ComponentGuest} ComponentGuest */
/** @typedef {import('./allocator.js').Allocator} Allocator */
/** @typedef {import('./allocator.js').DomainAllocator} DomainAllocator */
/** @typedef {import('./allocator.js').CreateOptions} CreateOptions */
/** @typedef {import('./allocator.js').AllocatorExports} AllocatorExports */
/** @typedef {import('./wasm.js').WasmSource} WasmSource */
/** @typedef {import('./program.js').EmscriptenModule} EmscriptenModule */
/** @typedef {import('./program.js').WasmSourcePair} WasmSourcePair */
/** @typedef {import('./descriptor.js').Field} Field */
/** @typedef {import('./events.js').EventType} EventType */
/** @typedef {import('./snapshot.js').SnapshotMap} SnapshotMap */
/** @typedef {import('./program.js').EmscriptenGuest} EmscriptenGuest */
/** @typedef {import('./report.js').ReportOptions} ReportOptions */
