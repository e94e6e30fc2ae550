/* SPDX-License-Identifier: Apache-2.0 */
/* TCP header and options: whatever is read can be written and reads the same. */
#include <stdint.h>
#include <stdlib.h>

#include "wire/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tcp_hdr hdr;
	struct tcp_opts opts, again;
	struct rd in, sub;
	struct wr out;
	uint8_t buf[TCP_HDR_MAX];

	rd_init(&in, data, size);
	if (tcp_parse(&hdr, &in) != DROP_NONE)
		return 0;
	sub = rd_sub(&in, hdr.hdr_len - TCP_HDR_LEN);
	if (tcp_parse_opts(&opts, &sub) != DROP_NONE || opts.sack_count > TCP_SACK_MAX)
		return 0;
	wr_init(&out, buf, sizeof(buf));
	opts.has &= ~(uint32_t)(TCP_HAS_MD5 | TCP_HAS_UNKNOWN);
	if (tcp_opts_len(&opts) > TCP_OPT_MAX)
		return 0;
	tcp_emit(&out, &hdr, &opts);
	if (wr_failed(&out))
		abort();
	rd_init(&in, buf, wr_len(&out));
	if (tcp_parse(&hdr, &in) != DROP_NONE)
		abort();
	sub = rd_sub(&in, hdr.hdr_len - TCP_HDR_LEN);
	if (tcp_parse_opts(&again, &sub) != DROP_NONE)
		abort();
	if ((opts.has & ~(uint32_t)TCP_HAS_SACK) != (again.has & ~(uint32_t)TCP_HAS_SACK))
		abort();
	return 0;
}
