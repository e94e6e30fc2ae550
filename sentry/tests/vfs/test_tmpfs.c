/* SPDX-License-Identifier: Apache-2.0 */
/* tmpfs: data, holes, limits, options, mapping. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>

#include "boot/kernel.h"
#include "env.h"
#include "fs/tmpfs/tmpfs.h"
#include "mm/memfile.h"
#include "vfs/dentry.h"
#include "vfs/namespace.h"

Test(tmpfs, data_written_in_pieces_reads_back_whole)
{
	struct task *t = env_new();
	int fd = env_open(t, "/f", O_CREAT | O_RDWR, 0600);
	enum { N = 700001 };
	unsigned char *in = malloc(N);
	unsigned char *out = calloc(1, N);

	for (int i = 0; i < N; i++)
		in[i] = (unsigned char)(i * 31 + i / 251);
	for (int at = 0; at < N; at += 4999) {
		size_t n = at + 4999 > N ? (size_t)(N - at) : 4999;

		cr_assert_eq(env_pwrite(t, fd, in + at, n, at), (ssize_t)n);
	}
	cr_assert_eq(env_pread(t, fd, out, N, 0), N);
	cr_assert_eq(memcmp(in, out, N), 0);
	cr_assert_eq(env_pread(t, fd, out, 10, N), 0);
	free(in);
	free(out);
}

Test(tmpfs, hole_reads_as_zeros_and_costs_nothing)
{
	struct task *t = env_new();
	int fd = env_open(t, "/f", O_CREAT | O_RDWR, 0600);
	struct kstat st;
	char buf[16];

	cr_assert_eq(env_pwrite(t, fd, "end", 3, INT64_C(1) << 40), 3);
	cr_assert_eq(env_stat(t, "/f", &st), 0);
	cr_assert_eq(st.size, (INT64_C(1) << 40) + 3);
	cr_assert_leq(st.blocks, 16);
	cr_assert_eq(env_pread(t, fd, buf, sizeof(buf), 12345), 16);
	for (int i = 0; i < 16; i++)
		cr_assert_eq(buf[i], 0);
	struct file *f = fd_get(t, fd);

	cr_assert_eq(f->ops->llseek(f, t, 0, SEEK_DATA), INT64_C(1) << 40);
	cr_assert_eq(f->ops->llseek(f, t, 0, SEEK_HOLE), 0);
	fd_put(t, f);
}

Test(tmpfs, truncation_frees_pages_and_zeroes_the_tail)
{
	struct task *t = env_new();
	int fd = env_open(t, "/f", O_CREAT | O_RDWR, 0600);
	char buf[20000];
	struct file *f = fd_get(t, fd);

	memset(buf, 'x', sizeof(buf));
	cr_assert_eq(env_pwrite(t, fd, buf, sizeof(buf), 0), sizeof(buf));
	cr_assert_eq(vfs_truncate(t, f->inode, 5000), 0);
	cr_assert_eq(vfs_truncate(t, f->inode, 20000), 0);
	cr_assert_eq(env_pread(t, fd, buf, sizeof(buf), 0), sizeof(buf));
	for (int i = 0; i < 20000; i++)
		cr_assert_eq(buf[i], i < 5000 ? 'x' : 0, "byte %d", i);
	fd_put(t, f);
}

Test(tmpfs, punched_hole_reads_as_zeros)
{
	struct task *t = env_new();
	int fd = env_open(t, "/f", O_CREAT | O_RDWR, 0600);
	char buf[20000];
	struct file *f = fd_get(t, fd);
	struct kstat before;
	struct kstat after;

	memset(buf, 'x', sizeof(buf));
	cr_assert_eq(env_pwrite(t, fd, buf, sizeof(buf), 0), sizeof(buf));
	inode_getattr(f->inode, &before);
	cr_assert_eq(f->ops->fallocate(f, t, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3000, 10000), 0);
	inode_getattr(f->inode, &after);
	cr_assert_lt(after.blocks, before.blocks);
	cr_assert_eq(env_pread(t, fd, buf, sizeof(buf), 0), sizeof(buf));
	for (int i = 0; i < 20000; i++)
		cr_assert_eq(buf[i], i < 3000 || i >= 13000 ? 'x' : 0, "byte %d", i);
	fd_put(t, f);
}

Test(tmpfs, mapping_shows_what_was_written)
{
	struct task *t = env_new();
	int fd = env_open(t, "/f", O_CREAT | O_RDWR, 0600);
	struct file *f = fd_get(t, fd);
	struct mappable *m = NULL;
	struct backing b;

	cr_assert_eq(env_pwrite(t, fd, "hello", 5, 4096), 5);
	cr_assert_eq(f->ops->mmap(f, t, 3, 1, &m), 0);
	cr_assert_eq(m->ops->translate(m, 4096, 4096, false, &b), 0);
	cr_assert(b.memfile);
	cr_assert_eq(memcmp(memfile_ptr(b.off), "hello", 6), 0);
	cr_assert_eq(m->ops->translate(m, 8192, 4096, false, &b), -ENXIO);
	fd_put(t, f);
}

static struct super *limited(const char *options)
{
	struct tmpfs_options o;
	struct super *sb = NULL;

	cr_assert_eq(tmpfs_parse(&o, options), 0);
	cr_assert_eq(tmpfs_new(&sb, &o), 0);
	return sb;
}

Test(tmpfs, size_limit_gives_a_short_write_and_then_enospc)
{
	struct task *t = env_new();
	struct super *sb = limited("size=64k");
	struct path at = { 0 };
	char buf[100000] = { 0 };

	cr_assert_eq(vfs_mkdir(t, AT_FDCWD, "/m", 0755), 0);
	cr_assert_eq(path_lookup(t, AT_FDCWD, "/m", 0, &at), 0);
	cr_assert_eq(mount_add(t->kernel->mounts, sb, NULL, &at, "t", 0, NULL), 0);
	int fd = env_open(t, "/m/f", O_CREAT | O_RDWR, 0600);

	cr_assert_eq(env_write(t, fd, buf, sizeof(buf)), 65536);
	cr_assert_eq(env_write(t, fd, buf, 1), -ENOSPC);
	fd_close(t, fd);
	cr_assert_eq(vfs_unlink(t, AT_FDCWD, "/m/f"), 0);
	cr_assert_eq(env_put(t, "/m/g", "room again"), 0);
	path_put(&at);
	super_put(sb);
}

Test(tmpfs, options_are_parsed_and_wrong_ones_refused)
{
	struct tmpfs_options o;

	cr_assert_eq(tmpfs_parse(&o, "size=2m,mode=0711,uid=3,gid=4,nr_inodes=1k,nosuid"), 0);
	cr_assert_eq(o.max_bytes, 2 << 20);
	cr_assert_eq(o.mode, 0711);
	cr_assert_eq(o.uid, 3);
	cr_assert_eq(o.gid, 4);
	cr_assert_eq(tmpfs_parse(&o, NULL), 0);
	cr_assert_eq(o.mode, 01777);
	cr_assert_eq(tmpfs_parse(&o, "size="), -EINVAL);
	cr_assert_eq(tmpfs_parse(&o, "size=5x"), -EINVAL);
	cr_assert_eq(tmpfs_parse(&o, "mode=9"), -EINVAL);
	cr_assert_eq(tmpfs_parse(&o, "bogus"), -EINVAL);
}

Test(tmpfs, inode_limit_gives_enospc)
{
	struct super *sb = limited("nr_inodes=2");
	struct inode *dir = sb->root->inode;
	struct inode *inode = NULL;
	struct inode_init init = { .mode = S_IFREG | 0600 };

	rwlock_wrlock(&dir->rw);
	cr_assert_eq(dir->ops->create(dir, &(struct fname){ "a", 1 }, &init, &inode), 0);
	inode_put(inode);
	cr_assert_eq(dir->ops->create(dir, &(struct fname){ "b", 1 }, &init, &inode), -ENOSPC);
	rwlock_unlock(&dir->rw);
	super_put(sb);
}

Test(tmpfs, unlinked_file_lives_until_it_is_closed)
{
	struct task *t = env_new();
	int fd = env_open(t, "/f", O_CREAT | O_RDWR, 0600);
	char c = 0;

	cr_assert_eq(env_write(t, fd, "x", 1), 1);
	cr_assert_eq(vfs_unlink(t, AT_FDCWD, "/f"), 0);
	cr_assert_eq(env_pread(t, fd, &c, 1, 0), 1);
	cr_assert_eq(c, 'x');
	uint64_t used = memfile_used_bytes();

	fd_close(t, fd);
	cr_assert_leq(memfile_used_bytes(), used);
}

Test(tmpfs, tmpfile_gets_a_name_by_link)
{
	struct task *t = env_new();
	int fd = env_open(t, "/", O_TMPFILE | O_RDWR, 0600);
	struct kstat st;

	cr_assert_geq(fd, 0);
	cr_assert_eq(env_write(t, fd, "late", 4), 4);
	cr_assert_eq(vfs_link(t, fd, "", AT_FDCWD, "/named", AT_EMPTY_PATH), 0);
	cr_assert_str_eq(env_text(t, "/named"), "late");
	cr_assert_eq(env_stat(t, "/named", &st), 0);
	cr_assert_eq(st.nlink, 1);
}
