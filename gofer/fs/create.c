/* SPDX-License-Identifier: Apache-2.0 */
/* New objects, owned by the guest's user; see create.h. */
#include "fs/create.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "fs/host.h"

#define MODE_BITS 07777U

/* Gives the object of @fd, just made in @dir, to @owner. */
static int give_away(int dir, int fd, struct owner owner)
{
	struct statx parent;
	int r;

	r = host_stat(dir, &parent);
	if (r < 0)
		return r;
	if (parent.stx_mode & S_ISGID)
		owner.gid = (gid_t)-1;
	if (owner.uid == (uid_t)-1 && owner.gid == (gid_t)-1)
		return 0;
	return host_chown(fd, owner.uid, owner.gid);
}

static int file_finish(int proc, int dir, int fd, mode_t mode, struct owner owner)
{
	int r;

	r = give_away(dir, fd, owner);
	if (r == 0 && mode & (S_ISUID | S_ISGID))
		r = host_chmod(proc, fd, mode & MODE_BITS); /* chown took these bits */
	return r;
}

int create_file(int proc, int dir, const char *name, int flags, mode_t mode, struct owner owner)
{
	int fd = host_create(dir, name, flags, mode & MODE_BITS);
	int r;

	if (fd < 0)
		return fd;
	r = file_finish(proc, dir, fd, mode, owner);
	if (r < 0) {
		host_close(fd);
		(void)!host_unlink(dir, name, 0);
		return r;
	}
	return fd;
}

int create_unnamed(int proc, int dir, int flags, mode_t mode, struct owner owner)
{
	int fd = host_reopen(proc, dir, flags | O_TMPFILE, mode & MODE_BITS);
	int r;

	if (fd < 0)
		return fd;
	r = file_finish(proc, dir, fd, mode, owner);
	if (r < 0) {
		host_close(fd);
		return r;
	}
	return fd;
}

/* Opens what was just made, checks that it is of that kind (someone else may have exchanged it),
 * and gives it away. */
static int made_finish(int dir, const char *name, mode_t type, struct owner owner)
{
	struct statx stx;
	int fd = host_walk(dir, name);
	int r;

	if (fd < 0)
		return fd;
	r = host_stat(fd, &stx);
	if (r == 0 && (stx.stx_mode & S_IFMT) != type)
		r = -ESTALE;
	if (r == 0)
		r = give_away(dir, fd, owner);
	if (r < 0) {
		host_close(fd);
		if (r != -ESTALE)
			(void)!host_unlink(dir, name, type == S_IFDIR ? AT_REMOVEDIR : 0);
		return r;
	}
	return fd;
}

int create_dir(int dir, const char *name, mode_t mode, struct owner owner)
{
	int r = host_mkdir(dir, name, mode & MODE_BITS);

	return r < 0 ? r : made_finish(dir, name, S_IFDIR, owner);
}

int create_node(int dir, const char *name, mode_t mode, struct owner owner)
{
	mode_t type = mode & S_IFMT ? mode & S_IFMT : S_IFREG;
	int r = host_mknod(dir, name, type | (mode & MODE_BITS));

	return r < 0 ? r : made_finish(dir, name, type, owner);
}

int create_symlink(const char *target, int dir, const char *name, struct owner owner)
{
	int r = host_symlink(target, dir, name);

	return r < 0 ? r : made_finish(dir, name, S_IFLNK, owner);
}
