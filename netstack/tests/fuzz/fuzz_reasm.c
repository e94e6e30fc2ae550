/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments in any order, overlap and length, of both families. Each record of six bytes: family
 * and flags, id, offset (in units of eight), length.
 */
#include "fuzz/fuzz_stack.h"

static void put4(struct wr *w, uint8_t id, uint16_t off, bool more, uint16_t len)
{
	struct ip4_hdr h = {.hdr_len = 20,
			    .total_len = (uint16_t)(20 + len),
			    .id = id,
			    .flags = more ? IP4_MF : 0,
			    .frag_off = off,
			    .ttl = 64,
			    .proto = 17,
			    .src.family = AF_INET,
			    .dst.family = AF_INET};

	memcpy(h.src.v4, (uint8_t[]){10, 0, 0, 2}, 4);
	memcpy(h.dst.v4, (uint8_t[]){10, 0, 0, 1}, 4);
	ip4_emit(w, &h, NULL);
}

static void put6(struct wr *w, uint8_t id, uint16_t off, bool more, uint16_t len)
{
	struct ip6_hdr_v h = {.payload_len = (uint16_t)(8 + len),
			      .next = IP6_EXT_FRAGMENT,
			      .hop_limit = 64,
			      .src.family = AF_INET6,
			      .dst.family = AF_INET6};
	struct ip6_frag f = {17, off, more, id};

	h.src.v6[0] = h.dst.v6[0] = 0xfd;
	h.src.v6[15] = 2;
	h.dst.v6[15] = 1;
	ip6_emit(w, &h);
	ip6_emit_frag(w, &f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f;

	fuzz_init(&f);
	for (; size >= 6; data += 6, size -= 6) {
		static uint8_t buf[4096];
		bool v6 = data[0] & 1, more = data[0] & 2;
		uint16_t off = (uint16_t)((load_be16(data + 2) & 0x1fff) * 8);
		uint16_t len = load_be16(data + 4) & 0x7ff;
		struct eth_hdr eth = {.src = {2, 0, 0, 0, 0, 2},
				      .type = v6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4};
		struct pkt *pkt;
		struct wr w;

		if (data[0] & 4)
			f.now += NET_SEC(data[0] >> 3);
		memcpy(eth.dst, fuzz_mac, 6);
		wr_init(&w, buf, sizeof(buf));
		eth_emit(&w, &eth);
		if (v6)
			put6(&w, data[1] & 3, off, more, len);
		else
			put4(&w, data[1] & 3, off, more, len);
		wr_zero(&w, len);
		pkt = net_pkt_new(f.stack, wr_len(&w));
		if (!pkt)
			continue;
		must(net_pkt_fill(pkt, buf, wr_len(&w)));
		must(net_link_input(f.stack, f.link, f.now, pkt));
		fuzz_drain(&f);
	}
	fuzz_fini(&f);
	return 0;
}
