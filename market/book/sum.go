package book

import "hash/crc32"

// CRC32 is crc32.ChecksumIEEE for short texts on the stack. The library's own makes
// its argument escape to the heap, which costs more than its speed gains here.
func CRC32(text []byte) uint32 {
	sum := ^uint32(0)
	for _, c := range text {
		sum = crc32.IEEETable[byte(sum)^c] ^ sum>>8
	}
	return ^sum
}
