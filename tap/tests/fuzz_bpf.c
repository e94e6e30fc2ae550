/* SPDX-License-Identifier: Apache-2.0 */
/* Any program that validates must run to an end on any frame without a bad access. */
#include <stdlib.h>
#include <string.h>

#include "tap/bpf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bpf_insn prog[256];
	size_t n, used;

	if (size < 1)
		return 0;
	n = data[0];
	data++;
	size--;
	if (n * sizeof(prog[0]) > size)
		n = size / sizeof(prog[0]);
	used = n * sizeof(prog[0]);
	memcpy(prog, data, used);
	if (bpf_validate(prog, n, NULL) < 0)
		return 0;

	/* A frame of its own allocation, in two pieces, so that any overrun is seen. */
	size_t len = size - used, half = len / 2;
	uint8_t *a = malloc(half + 1), *b = malloc(len - half + 1);
	struct iovec iov[2] = {{a, half}, {b, len - half}};

	if (a && b) {
		memcpy(a, data + used, half);
		memcpy(b, data + used + half, len - half);
		(void)bpf_run(prog, n, iov, 2, (uint32_t)len);
	}
	free(a);
	free(b);
	return 0;
}
