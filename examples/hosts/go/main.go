// A host in Go: tenants in one wasm module, each with a heap of its own and a quota; what each uses is
// read from linear memory, without a call of the guest.
//
//	go run . TENANT.wasm
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// The groups of the section that are read here: docs/descriptor.md.
const (
	constant = iota
	space
	heap
	domain
	list = 7
)

const unlimited = 0xffffffff

type key struct {
	group uint8
	name  string
}

type field struct {
	kind          uint8
	count, stride uint16
	value         uint32
}

// Layout is where each field lies, by the module's custom section.
type Layout map[key]field

func parse(section []byte) (Layout, error) {
	le := binary.LittleEndian
	if len(section) < 16 || string(section[:8]) != "PYMALLOC" {
		return nil, fmt.Errorf("no section pymalloc: the module does not link the library")
	}
	if version := le.Uint16(section[8:]); version != 3 {
		return nil, fmt.Errorf("the section has version %d, not 3", version)
	}
	size, records := int(le.Uint16(section[10:])), int(le.Uint32(section[12:]))
	if size < 36 || records > (len(section)-16)/size {
		return nil, fmt.Errorf("the section is cut")
	}
	layout := Layout{}
	for i := 0; i < records; i++ {
		r := section[16+i*size:]
		name := string(bytes.TrimRight(r[:24], "\x00"))
		layout[key{r[24], name}] = field{r[25], le.Uint16(r[28:]), le.Uint16(r[30:]), le.Uint32(r[32:])}
	}
	return layout, nil
}

// Reader reads fields of structures.  A field or memory that is not there ends in err.
type Reader struct {
	layout Layout
	memory api.Memory
	err    error
}

func (r *Reader) field(group uint8, name string) field {
	f, ok := r.layout[key{group, name}]
	if !ok && r.err == nil {
		r.err = fmt.Errorf("the section lacks %s of group %d", name, group)
	}
	return f
}

func (r *Reader) element(base uint32, f field, i int) uint64 {
	at := base + f.value + uint32(i)*uint32(f.stride)
	var value uint64
	ok := i == 0 || i < int(f.count)
	if f.kind == 4 {
		v, in := r.memory.ReadUint64Le(at)
		value, ok = v, ok && in
	} else {
		v, in := r.memory.ReadUint32Le(at)
		value, ok = uint64(v), ok && in
	}
	if !ok && r.err == nil {
		r.err = fmt.Errorf("nothing to read at 0x%x", at)
	}
	return value
}

func (r *Reader) get(group uint8, base uint32, name string) uint64 {
	return r.element(base, r.field(group, name), 0)
}

// Domain is what one domain of a heap uses.
type Domain struct{ LiveBytes, LiveBlocks, Failures uint64 }

// Object reads the object domain of a heap: blocks above 512 bytes, and those in pools by class.
func (r *Reader) Object(h uint32, classes map[int]uint64) Domain {
	n := int(r.field(constant, "classes").value)
	step := uint64(r.field(constant, "alignment").value)
	domains, lists := r.field(heap, "domains"), r.field(heap, "lists")
	filled, frees, count := r.field(heap, "filled"), r.field(heap, "frees"), r.field(list, "count")
	at := h + domains.value + 2*uint32(domains.stride)
	d := Domain{
		r.get(domain, at, "raw_bytes") - r.get(domain, at, "raw_freed"),
		r.get(domain, at, "raw_mallocs") - r.get(domain, at, "raw_frees"),
		r.get(domain, at, "failures"),
	}
	for c := 1; c <= n && r.err == nil; c++ {
		slot := n + 1 + c // the object domain's follow the mem domain's
		listed := r.element(h+lists.value+uint32(slot)*uint32(lists.stride), count, 0)
		live := r.element(h, filled, slot) - listed - r.element(h, frees, slot)
		d.LiveBlocks += live
		d.LiveBytes += live * uint64(c) * step
		if live > 0 {
			classes[c*int(step)] += live
		}
	}
	return d
}

func run(file string) error {
	ctx := context.Background()
	wasm, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCustomSections(true))
	defer r.Close(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	compiled, err := r.CompileModule(ctx, wasm)
	if err != nil {
		return err
	}
	var section []byte
	for _, s := range compiled.CustomSections() {
		if s.Name() == "pymalloc" {
			section = s.Data()
		}
	}
	layout, err := parse(section)
	if err != nil {
		return err
	}
	module, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		return err
	}
	call := func(name string, args ...uint64) uint32 {
		result, failed := module.ExportedFunction(name).Call(ctx, args...)
		if failed != nil && err == nil {
			err = fmt.Errorf("%s: %w", name, failed)
		}
		if len(result) == 0 {
			return 0
		}
		return uint32(result[0])
	}

	reader := &Reader{layout: layout, memory: module.Memory()}
	root := call("pym_root")
	if reader.get(space, root, "magic") != uint64(reader.field(constant, "space_magic").value) {
		return fmt.Errorf("no root structure at 0x%x", root)
	}
	for _, tenant := range []struct {
		name           string
		quota          uint64
		records, bytes uint64
	}{{"small", 100_000, 5000, 40}, {"large", 2_000_000, 5000, 40}, {"buffers", 1_000_000, 50, 30_000}} {
		h := call("pym_heap_new")
		call("pym_limit_set", uint64(h), 3, unlimited, tenant.quota) // 3: the whole heap
		stored := call("store", uint64(h), tenant.records, tenant.bytes)
		classes := map[int]uint64{}
		d := reader.Object(h, classes)
		fmt.Printf("%-8s quota %9d: %4d of %d records of %d bytes, %d bytes live in %d blocks, %d refused, by class %v\n",
			tenant.name, tenant.quota, stored, tenant.records, tenant.bytes, d.LiveBytes, d.LiveBlocks, d.Failures, classes)
		if d.LiveBytes > tenant.quota || d.LiveBlocks != uint64(stored) {
			return fmt.Errorf("%s: the counters do not agree with what was stored", tenant.name)
		}
		if (uint64(stored) < tenant.records) != (d.Failures == 1) {
			return fmt.Errorf("%s: %d refused", tenant.name, d.Failures)
		}
		call("pym_heap_destroy", uint64(h))
	}
	if err == nil {
		err = reader.err
	}
	return err
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "go run . TENANT.wasm")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
