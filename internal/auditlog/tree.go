package auditlog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"countersign/internal/store"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is the log's tree in a transaction: what the tiles hold, and what is added to it.
type tree struct {
	tx    *store.Tx
	size  int64 // before what is added
	grown int64 // with it
	added map[int64]tlog.Hash
	tiles map[[2]int64][]byte
}

func newTree(tx *store.Tx, size int64) *tree {
	return &tree{tx: tx, size: size, grown: size, added: map[int64]tlog.Hash{}, tiles: map[[2]int64][]byte{}}
}

// tile reads the first width places of a tile.
func (t *tree) tile(level int, number int64, width int) ([]byte, error) {
	key := [2]int64{int64(level), number}
	data, read := t.tiles[key]
	if !read {
		var err error
		if _, data, err = t.tx.Tile(level, number); err != nil {
			if errors.Is(err, store.ErrNotFound) {
				err = fmt.Errorf("%w: tile %d/%d is missing", ErrUnsound, level, number)
			}
			return nil, err
		}
		t.tiles[key] = data
	}
	if level >= 0 {
		if len(data) < width*tlog.HashSize {
			return nil, fmt.Errorf("%w: tile %d/%d is too short", ErrUnsound, level, number)
		}
		data = data[:width*tlog.HashSize]
	}
	return data, nil
}

// ReadHashes makes a tree what tlog reads from.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if h, ok := t.added[index]; ok {
			out[i] = h
			continue
		}
		at := tlog.TileForIndex(tileHeight, index)
		data, err := t.tile(at.L, at.N, at.W)
		if err != nil {
			return nil, err
		}
		if out[i], err = tlog.HashFromTile(at, data, index); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnsound, err)
		}
	}
	return out, nil
}

// append adds a leaf.
func (t *tree) append(entry []byte) error {
	hashes, err := tlog.StoredHashesForRecordHash(t.grown, tlog.RecordHash(entry), t)
	if err != nil {
		return err
	}
	at := tlog.StoredHashIndex(0, t.grown)
	for i, h := range hashes {
		t.added[at+int64(i)] = h
	}
	t.grown++
	return nil
}

// root is the tree's hash with all that was added.
func (t *tree) root() (tlog.Hash, error) { return tlog.TreeHash(t.grown, t) }

// write writes the tiles that have grown, and the bundles of the entries that were added.
func (t *tree) write(entries [][]byte) error {
	for _, tile := range tlog.NewTiles(tileHeight, t.size, t.grown) {
		data, err := tlog.ReadTileData(tile, t)
		if err != nil {
			return err
		}
		if err := t.tx.PutTile(tile.L, tile.N, tile.W, data); err != nil {
			return err
		}
	}
	for at := t.size; at < t.grown; {
		number, width := at/tileWidth, int(at%tileWidth)
		var bundle []byte
		if width > 0 {
			had, before, err := t.tx.Tile(entriesLevel, number)
			if err != nil || had != width {
				return errors.Join(err, fmt.Errorf("%w: entries %d hold %d, want %d", ErrUnsound, number, had, width))
			}
			bundle = append(bundle, before...)
		}
		for ; width < tileWidth && at < t.grown; width, at = width+1, at+1 {
			entry := entries[at-t.size]
			if len(entry) > maxEntry {
				return fmt.Errorf("auditlog: an entry of %d bytes", len(entry))
			}
			bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(entry)))
			bundle = append(bundle, entry...)
		}
		if err := t.tx.PutTile(entriesLevel, number, width, bundle); err != nil {
			return err
		}
	}
	return nil
}

// nth is one entry of a bundle; false where it has fewer.
func nth(bundle []byte, i int) ([]byte, bool) {
	whole, ok := cut(bundle, i+1)
	before, _ := cut(bundle, i)
	if !ok {
		return nil, false
	}
	return whole[len(before)+2:], true
}

// cut is the first width entries of a bundle; false where it has fewer.
func cut(bundle []byte, width int) ([]byte, bool) {
	at := 0
	for range width {
		if len(bundle)-at < 2 {
			return nil, false
		}
		at += 2 + int(binary.BigEndian.Uint16(bundle[at:]))
		if at > len(bundle) {
			return nil, false
		}
	}
	return bundle[:at], true
}
