/* SPDX-License-Identifier: Apache-2.0 */
/* What a replay did, as pcapng: frames with direction, and in a comment why one was discarded.
 *
 * https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html; little endian, nanoseconds.
 */
#pragma once

#include "capture.h"

/* Writes the frames of @capture. 0 or a negative errno with @problem. */
MUST_CHECK int pcapng_write(const struct capture *capture, const char *path,
			    struct problem *problem);

/* Reads what pcapng_write() wrote, directions included: one interface, enhanced packet blocks,
 * other blocks skipped. 0, -EINVAL, -ENOMEM. */
MUST_CHECK int pcapng_read(struct capture *ret, const char *path, struct problem *problem);
MUST_CHECK int pcapng_parse(struct capture *ret, const uint8_t *bytes, size_t len, const char *name,
			    struct problem *problem);
