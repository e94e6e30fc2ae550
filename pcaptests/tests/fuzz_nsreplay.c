/* SPDX-License-Identifier: Apache-2.0 */
/* Captures, goldens and scripts of any bytes: read, dissected, and replayed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pcapng.h"
#include "plan.h"
#include "replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_script(const uint8_t *data, size_t size)
{
	struct script script;
	struct problem problem;

	script_init(&script);
	(void)!script_parse(&script, (const char *)data, size, "fuzz", &problem);
	script_sort(&script);
	script_fini(&script);
}

static void fuzz_replay(const struct capture *capture, enum plan_side side)
{
	struct replay_result result;
	struct script script;
	struct problem problem;
	struct cmp_rules rules = {.tolerance = -1};
	size_t partial;
	FILE *to = fopen("/dev/null", "we");

	script_init(&script);
	script.hold = NET_MS(10);
	if (to && !plan_choose(&script, capture, side, &problem) &&
	    !plan_derive(&script, capture, &partial)) {
		script_sort(&script);
		if (!replay_run(&result, &script, capture, to, &problem))
			(void)cmp_print(to, &result.want, &result.got, &rules, "a", "b");
		replay_fini(&result);
	}
	script_fini(&script);
	if (to)
		fclose(to);
}

/* Frames of any bytes, one after another: a length byte, then so much. */
static void fuzz_frames(const uint8_t *data, size_t size, enum frame_kind kind)
{
	struct capture capture = {.kind = kind};

	while (size > 1 && capture.n < 16) {
		size_t len = data[0] < size - 1 ? data[0] : size - 1;

		if (capture_add(&capture, (net_time)capture.n * NET_MS(3), data + 1, len,
				len + (data[0] == 255)))
			break;
		data += len + 1;
		size -= len + 1;
	}
	fuzz_replay(&capture, kind == FRAME_IP ? PLAN_CLIENT : PLAN_SERVER);
	capture_fini(&capture);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture capture;
	struct problem problem;

	if (!size)
		return 0;
	switch (data[0] % 5) {
	case 0:
		fuzz_script(data + 1, size - 1);
		break;
	case 1:
		if (!pcapng_parse(&capture, data + 1, size - 1, "fuzz", &problem))
			capture_fini(&capture);
		break;
	case 2:
		if (!capture_parse(&capture, data + 1, size - 1, "fuzz", &problem)) {
			fuzz_replay(&capture, PLAN_SERVER);
			capture_fini(&capture);
		}
		break;
	case 3:
		fuzz_frames(data + 1, size - 1, FRAME_IP);
		break;
	case 4:
		fuzz_frames(data + 1, size - 1, FRAME_ETHER);
		break;
	}
	return 0;
}
