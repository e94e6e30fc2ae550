/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts of any bytes: read, printed, encoded; never run. */
#include <stdint.h>

#include "nsdrill/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t wire[PACKET_BYTES_MAX];
	struct packet_path path = {.family = size % 2 ? AF_INET : AF_INET6};
	struct defines defines = {.count = 0};
	struct diag diag = {0};
	struct script *script;
	struct packet p;
	char text[512];

	(void)packet_decode(data, size, &p);
	packet_print(&p, text, sizeof(text));
	if (script_parse(&script, "fuzz", (const char *)data, size, &defines, NULL, NULL, &diag) <
	    0)
		return 0;
	for (const struct event *ev = script->events; ev; ev = ev->next) {
		if (ev->kind != EVENT_PACKET)
			continue;
		p = *ev->packet;
		if (p.protocol == IPPROTO_ICMP && packet_icmp_names(&p, path.family) < 0)
			continue;
		packet_print(&p, text, sizeof(text));

		int len = packet_encode(&p, &path, wire);

		if (len > 0)
			(void)packet_decode(wire, (size_t)len, &p);
	}
	script_free(script);
	return 0;
}
