/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/systrap/systrap.h"

void patch_try(struct plat_thread *t, uint64_t rip)
{
	(void)t;
	(void)rip;
}

void patch_space_free(struct plat_space *space)
{
	(void)space;
}

void plat_text_changed(struct plat_space *space, uint64_t addr, uint64_t len)
{
	(void)space;
	(void)addr;
	(void)len;
}

void plat_space_inherit(struct plat_space *child, const struct plat_space *parent)
{
	(void)child;
	(void)parent;
}
