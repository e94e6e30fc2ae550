/* SPDX-License-Identifier: Apache-2.0 */
/* Host descriptors of gofer files: one for reading and one for both per inode, shared by all opens since
 * data is read and written by position. Unused ones are kept for the next open, up to a limit. */
#include <errno.h>
#include <fcntl.h>

#include "fs/goferfs/goferfs_internal.h"
#include "host/file.h"

#define LRU_MAX 1024

int gofer_handle_fd(const struct gofer_inode *gi, bool write)
{
	int rw = atomic_load_explicit(&((struct gofer_inode *)gi)->fd_rw, memory_order_acquire);

	if (write || rw >= 0)
		return rw;
	return atomic_load_explicit(&((struct gofer_inode *)gi)->fd_ro, memory_order_acquire);
}

static void close_fds(struct gofer_inode *gi, int fds[2])
{
	fds[0] = atomic_exchange(&gi->fd_ro, -1);
	fds[1] = atomic_exchange(&gi->fd_rw, -1);
}

/* Closes the oldest unused half: the sentry has run out of descriptors. */
static void trim(struct gofer_super *gs)
{
	mutex_lock(&gs->lru_mu);
	uint32_t n = gs->n_lru / 2 + 1;

	mutex_unlock(&gs->lru_mu);
	while (n-- > 0) {
		int fds[2] = { -1, -1 };

		mutex_lock(&gs->lru_mu);
		struct gofer_inode *old = list_pop_entry(&gs->lru, struct gofer_inode, lru_link);

		if (old) {
			gs->n_lru--;
			close_fds(old, fds);
		}
		mutex_unlock(&gs->lru_mu);
		host_close(fds[0]);
		host_close(fds[1]);
	}
}

static int open_once(struct gofer_inode *gi, bool write)
{
	struct p9_call call = { .req.type = P9_TOPENAT };

	call.req.topenat = (struct p9_topenat){ .dfid = gi->fid, .newfid = P9_NOFID,
						.name = { "", 0 },
						.flags = write ? O_RDWR : O_RDONLY };
	int r = p9_rpc(gofer_client(&gi->inode), &call);

	if (r < 0)
		return r;
	int fd = call.fd;
	bool given = call.rsp.ropenat.has_fd;

	call.fd = -1;
	if (gofer_sb(&gi->inode)->shared && fd >= 0)
		gofer_update_attr(gi, &call.rsp.ropenat.attr);
	p9_end(&call);
	if (fd >= 0)
		return fd;
	return given ? -ENFILE : -EIO; /* sent, but we had no room for it */
}

static int open_remote(struct gofer_inode *gi, bool write)
{
	int r = open_once(gi, write);

	if (r != -ENFILE && r != -EMFILE)
		return r;
	trim(gofer_sb(&gi->inode));
	return open_once(gi, write);
}

int gofer_handle_open(struct gofer_inode *gi, bool write)
{
	int r = 0;

	if (gofer_handle_fd(gi, write) >= 0)
		return 0;
	mutex_lock(&gi->data);
	if (gofer_handle_fd(gi, write) < 0) {
		r = open_remote(gi, write);
		if (r >= 0) {
			atomic_store_explicit(write ? &gi->fd_rw : &gi->fd_ro, r,
					      memory_order_release);
			r = 0;
		}
	}
	mutex_unlock(&gi->data);
	return r;
}

int gofer_handle_get(struct gofer_inode *gi, bool write)
{
	struct gofer_super *gs = gofer_sb(&gi->inode);

	mutex_lock(&gs->lru_mu);
	gi->users++;
	if (list_linked(&gi->lru_link)) {
		list_remove(&gi->lru_link);
		gs->n_lru--;
	}
	mutex_unlock(&gs->lru_mu);

	int r = gofer_handle_open(gi, write);

	if (r < 0)
		gofer_handle_put(gi);
	return r;
}

/* Onto the list of the unused, whose oldest goes when there are too many. */
static void park_locked(struct gofer_super *gs, struct gofer_inode *gi, int fds[2])
{
	if (gofer_handle_fd(gi, false) < 0 || list_linked(&gi->lru_link))
		return;
	list_push_back(&gs->lru, &gi->lru_link);
	gs->n_lru++;
	if (gs->n_lru <= LRU_MAX)
		return;

	struct gofer_inode *old = list_pop_entry(&gs->lru, struct gofer_inode, lru_link);

	gs->n_lru--;
	close_fds(old, fds);
}

void gofer_handle_put(struct gofer_inode *gi)
{
	struct gofer_super *gs = gofer_sb(&gi->inode);
	int fds[3] = { -1, -1, -1 };

	mutex_lock(&gs->lru_mu);
	if (--gi->users == 0) {
		/* A descriptor for writing is not kept: the host would see the file as being written. */
		if (atomic_load(&gi->fd_ro) >= 0 || gs->shared)
			fds[2] = atomic_exchange(&gi->fd_rw, -1);
		if (gs->shared)
			close_fds(gi, fds);
		else
			park_locked(gs, gi, fds);
	}
	mutex_unlock(&gs->lru_mu);
	for (int i = 0; i < 3; i++)
		host_close(fds[i]);
}

void gofer_handle_adopt(struct gofer_inode *gi, int fd, bool write)
{
	struct gofer_super *gs = gofer_sb(&gi->inode);
	int fds[2] = { -1, -1 };
	int none = -1;

	if (!atomic_compare_exchange_strong(write ? &gi->fd_rw : &gi->fd_ro, &none, fd)) {
		host_close(fd);
		return;
	}
	mutex_lock(&gs->lru_mu);
	if (gi->users == 0)
		park_locked(gs, gi, fds);
	mutex_unlock(&gs->lru_mu);
	host_close(fds[0]);
	host_close(fds[1]);
}

void gofer_handle_close(struct gofer_inode *gi)
{
	struct gofer_super *gs = gofer_sb(&gi->inode);
	int fds[2];

	mutex_lock(&gs->lru_mu);
	if (list_linked(&gi->lru_link)) {
		list_remove(&gi->lru_link);
		gs->n_lru--;
	}
	mutex_unlock(&gs->lru_mu);
	close_fds(gi, fds);
	host_close(fds[0]);
	host_close(fds[1]);
}
