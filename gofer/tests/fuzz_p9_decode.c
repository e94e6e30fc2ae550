/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as one frame: decoding never reads outside, and what decodes encodes to the same bytes.
 * The data of directory replies goes through the entry parsers too. */
#include "gofer/p9.h"

#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"
#include "util/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_entries(const struct p9_data *data)
{
	struct p9_dirent ent;
	struct p9_direntattr entattr;
	struct rd in;

	rd_init(&in, data->data, data->len);
	while (p9_dirent_get(&ent, &in) == 1)
		;
	rd_init(&in, data->data, data->len);
	while (p9_direntattr_get(&entattr, &in) == 1)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[1 << 16];
	char line[512];
	struct p9_msg msg;
	struct rd in;
	struct wr wr;

	if (size > sizeof(out))
		return 0;
	rd_init(&in, data, size);
	if (p9_decode(&msg, &in) < 0)
		return 0;
	(void)p9_print(line, sizeof(line), &msg);
	wr_init(&wr, out, sizeof(out));
	REQUIRE(p9_encode(&wr, &msg) == (int)size);
	REQUIRE(memcmp(out, data, size) == 0);
	if (msg.type == P9_RREADDIR || msg.type == P9_RREADDIRATTR)
		parse_entries(&msg.rreaddir.data);
	return 0;
}
