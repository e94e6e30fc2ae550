/* SPDX-License-Identifier: Apache-2.0 */
/* The memory behind MAP_SHARED|MAP_ANONYMOUS: one memfile extent that its mappings share. */
#include <errno.h>
#include <stdlib.h>

#include "mm/mm_priv.h"

struct shm {
	struct mappable m;
	struct ref ref;
	uint64_t off, len; /* [I] extent */
};

static int shm_translate(struct mappable *m, uint64_t off, uint64_t len, bool write,
			 struct backing *ret)
{
	struct shm *shm = container_of(m, struct shm, m);

	(void)write;
	if (off >= shm->len)
		return -ENXIO;
	ret->fd = memfile_fd();
	ret->memfile = true;
	ret->off = shm->off + off;
	ret->len = len < shm->len - off ? len : shm->len - off;
	return 0;
}

static void shm_get(struct mappable *m)
{
	ref_get(&container_of(m, struct shm, m)->ref);
}

static void shm_put(struct mappable *m)
{
	struct shm *shm = container_of(m, struct shm, m);

	if (!ref_put(&shm->ref))
		return;
	memfile_unref(shm->off, shm->len);
	mappable_fini(&shm->m);
	free(shm);
}

static const struct mappable_ops shm_ops = {
	.translate = shm_translate,
	.get = shm_get,
	.put = shm_put,
};

int shm_new(uint64_t len, struct mappable **ret)
{
	struct shm *shm = calloc(1, sizeof(*shm));
	int r;

	if (!shm)
		return -ENOMEM;
	r = memfile_alloc(len, &shm->off);
	if (r < 0) {
		free(shm);
		return r;
	}
	shm->len = len;
	ref_init(&shm->ref);
	mappable_init(&shm->m, &shm_ops);
	*ret = &shm->m;
	return 0;
}
