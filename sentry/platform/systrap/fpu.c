/* SPDX-License-Identifier: Apache-2.0 */
/* FPU and vector state of guest threads: it lives in the host thread and comes over only on
 * request, as an xsave image in the standard format (Intel SDM vol. 1, 13.4).
 */
#include <errno.h>
#include <string.h>

#include "platform/systrap/systrap.h"

#define LEGACY 512
#define HEADER 64
#define SW_RESERVED 464 /* bytes 464..511: what the kernel leaves to signal frames */
#define MXCSR_OFF 24
#define MXCSR_MASK_OFF 28
#define MXCSR_INIT 0x1f80
#define FCW_INIT 0x37f

static char *fpu_area(struct plat_thread *t)
{
	return t->base + SLOT_FPU;
}

static uint64_t xcr0(void)
{
	uint32_t a, d;

	__asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (uint64_t)d << 32 | a;
}

size_t plat_fpu_size(void)
{
	return systrap.fpu_size;
}

/* A signal frame of the last entry still holds the state, unless another signal may have come
 * since. */
static const char *frame_state(const struct plat_thread *t)
{
	uint32_t off = t->fpu_off;

	if (t->kicked || off < SLOT_ALT || off & 63 || off > SLOT_SIZE - systrap.fpu_size)
		return NULL;
	return t->base + off;
}

int plat_fpu_get(struct plat_thread *t, void *buf, size_t size)
{
	if (size < systrap.fpu_size)
		return -EINVAL;
	if (thread_ready(t) < 0)
		return -ESRCH;

	const char *from = t->load_fpu ? fpu_area(t) : frame_state(t);

	if (!from) {
		int r = thread_command(t, CMD_SAVE_FPU, STUB_FPU_SAVED);

		if (r < 0)
			return r;
		from = fpu_area(t);
	}
	memcpy(buf, from, systrap.fpu_size);
	memset((char *)buf + SW_RESERVED, 0, LEGACY - SW_RESERVED);
	return (int)systrap.fpu_size;
}

/* Whether xrstor would load the image rather than fault. */
static bool image_valid(const char *buf)
{
	uint64_t header[HEADER / 8];
	uint32_t mxcsr;

	memcpy(header, buf + LEGACY, sizeof(header));
	memcpy(&mxcsr, buf + MXCSR_OFF, sizeof(mxcsr));
	if (header[0] & ~xcr0() || header[1] || mxcsr & ~0xffffU)
		return false;
	for (int i = 2; i < HEADER / 8; i++)
		if (header[i])
			return false;
	return true;
}

int plat_fpu_set(struct plat_thread *t, const void *buf, size_t size)
{
	char image[SLOT_FPU_SIZE];

	if (size < LEGACY || size > systrap.fpu_size)
		return -EINVAL;
	memset(image, 0, systrap.fpu_size);
	memcpy(image, buf, size);
	if (size < LEGACY + HEADER) {
		uint64_t legacy_only = 3;

		memset(image + LEGACY, 0, HEADER);
		memcpy(image + LEGACY, &legacy_only, sizeof(legacy_only));
	}
	memset(image + SW_RESERVED, 0, LEGACY - SW_RESERVED);
	if (!image_valid(image))
		return -EINVAL;
	memcpy(fpu_area(t), image, systrap.fpu_size);
	t->load_fpu = true;
	t->fpu_off = 0;
	return 0;
}

void fpu_reset(struct plat_thread *t)
{
	uint32_t mxcsr = MXCSR_INIT;
	uint16_t fcw = FCW_INIT;

	/* No bit set in the header: every component takes its initial state. */
	memset(fpu_area(t), 0, LEGACY + HEADER);
	memcpy(fpu_area(t), &fcw, sizeof(fcw));
	memcpy(fpu_area(t) + MXCSR_OFF, &mxcsr, sizeof(mxcsr));
	t->load_fpu = true;
	t->fpu_off = 0;
}

int fpu_copy(struct plat_thread *t, struct plat_thread *from)
{
	char image[SLOT_FPU_SIZE];
	int r = plat_fpu_get(from, image, sizeof(image));

	if (r < 0)
		return r;
	return plat_fpu_set(t, image, (size_t)r);
}
