/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that the verifier accepts run without harm on any bytes: the input is one length byte,
 * the packet, then the program. */
#include <stdlib.h>
#include <string.h>

#include "bpf/bpf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bpf_insn *prog;
	struct bpf_data d;
	size_t n, len;

	if (size < 1)
		return 0;
	len = data[0] < size - 1 ? data[0] : size - 1;
	n = (size - 1 - len) / sizeof(*prog);
	prog = malloc(n * sizeof(*prog) + 1);
	uint8_t *packet = malloc(len + 1);

	memcpy(packet, data + 1, len);
	memcpy(prog, data + 1 + len, n * sizeof(*prog));
	d = (struct bpf_data){.head = packet, .head_len = (uint32_t)len, .len = (uint32_t)len};
	if (cbpf_check(prog, n) == 0)
		(void)cbpf_run(prog, &d);
	free(packet);
	free(prog);
	return 0;
}
