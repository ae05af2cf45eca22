/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DST_FUZZ_H
#define DST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Pieces that inputs are made of: bytes alone seldom get past the start. */
extern const char * const fuzz_words[];

#endif /* DST_FUZZ_H */
