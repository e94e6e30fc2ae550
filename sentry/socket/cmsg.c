/* SPDX-License-Identifier: Apache-2.0 */
/* Ancillary data: cmsg(3) bytes in and out. */
#include <errno.h>
#include <string.h>

#include "socket/socket.h"
#include "util/cleanup.h"

void cmsg_put(struct cmsg_out *out, int level, int type, const void *data, size_t len)
{
	struct cmsghdr hdr = { .cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type };

	if (out->size - out->used < sizeof(hdr)) {
		out->truncated = true;
		return;
	}
	if (out->size - out->used < CMSG_LEN(len)) {
		/* Linux cuts the last one to what fits. */
		out->truncated = true;
		hdr.cmsg_len = out->size - out->used;
		len = hdr.cmsg_len - sizeof(hdr);
	}
	memcpy(out->buf + out->used, &hdr, sizeof(hdr));
	memcpy(out->buf + out->used + sizeof(hdr), data, len);
	out->used += MIN((size_t)CMSG_SPACE(len), out->size - out->used);
}

int cmsg_next(const uint8_t *control, size_t control_len, size_t *pos, int *level, int *type,
	      const uint8_t **data, size_t *len)
{
	struct cmsghdr hdr;

	if (control_len - *pos < sizeof(hdr))
		return 0;
	memcpy(&hdr, control + *pos, sizeof(hdr));
	if (hdr.cmsg_len < sizeof(hdr) || hdr.cmsg_len > control_len - *pos)
		return -EINVAL;
	*level = hdr.cmsg_level;
	*type = hdr.cmsg_type;
	*data = control + *pos + sizeof(hdr);
	*len = hdr.cmsg_len - sizeof(hdr);

	size_t step = CMSG_ALIGN(hdr.cmsg_len);

	*pos += MIN(step, control_len - *pos);
	return 1;
}
