/* SPDX-License-Identifier: Apache-2.0 */
/* Names of places, and the mount tables of /proc. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "vfs/dentry.h"
#include "vfs/mount_internal.h"
#include "vfs/pseudo.h"

/* Writes a name backwards from the end of a buffer. */
struct back {
	char *start, *p;
	bool failed;
};

static void prepend(struct back *b, const char *s, size_t len)
{
	if ((size_t)(b->p - b->start) < len) {
		b->failed = true;
		return;
	}
	b->p -= len;
	memcpy(b->p, s, len);
}

/* Walks up to @root or to the top. Returns whether it met @root. Mount lock held, dcache lock held. */
static bool prepend_path(struct back *b, struct mount *m, struct dentry *d, const struct path *root)
{
	for (;;) {
		if (root && m == root->mnt && d == root->dentry)
			return true;
		if (d == m->root || d->parent == d) {
			if (!m->parent)
				return root == NULL || (m->sb->flags & SB_KERNMOUNT);
			d = m->point;
			m = m->parent;
			continue;
		}
		prepend(b, d->name, d->name_len);
		prepend(b, "/", 1);
		d = d->parent;
	}
}

static ssize_t to_str_locked(const struct path *p, const struct path *root, char *buf, size_t size,
			     bool show_unreachable)
{
	struct back b = { buf, buf + size, false };
	char *end = buf + size;

	prepend(&b, "", 1);
	if (p->dentry->deleted)
		prepend(&b, " (deleted)", 10);
	char *tail = b.p;

	bool met = prepend_path(&b, p->mnt, p->dentry, root);

	if (b.p == tail)
		prepend(&b, "/", 1);
	if (!met) {
		if (!show_unreachable)
			return -ENOENT;
		prepend(&b, "(unreachable)", 13);
	}
	if (b.failed)
		return -ENAMETOOLONG;

	size_t len = (size_t)(end - b.p);

	memmove(buf, b.p, len);
	return (ssize_t)len - 1;
}

ssize_t path_to_str(const struct path *p, const struct path *root, char *buf, size_t size,
		    bool show_unreachable)
{
	if (size == 0)
		return -ENAMETOOLONG;
	rwlock_rdlock(&mount_lock);
	dcache_rdlock();
	ssize_t r = to_str_locked(p, root, buf, size, show_unreachable);

	dcache_unlock();
	rwlock_unlock(&mount_lock);
	return r;
}

/* proc(5): space, tab, newline and backslash as octal. */
static void show_escaped(struct seq *s, const char *text)
{
	for (; *text; text++) {
		if (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\\')
			seq_printf(s, "\\%03o", (unsigned int)(unsigned char)*text);
		else
			seq_putc(s, *text);
	}
}

static void show_flags(struct seq *s, unsigned long flags, bool readonly)
{
	seq_printf(s, "%s", readonly ? "ro" : "rw");
	if (flags & MNT_NOSUID)
		seq_printf(s, ",nosuid");
	if (flags & MNT_NODEV)
		seq_printf(s, ",nodev");
	if (flags & MNT_NOEXEC)
		seq_printf(s, ",noexec");
	if (flags & MNT_NOATIME)
		seq_printf(s, ",noatime");
	else if (flags & MNT_NODIRATIME)
		seq_printf(s, ",nodiratime");
	if (flags & MNT_RELATIME)
		seq_printf(s, ",relatime");
}

static void show_super_options(struct seq *s, struct super *sb)
{
	char buf[256];
	size_t n = sb->ops->show_options ? sb->ops->show_options(sb, buf, sizeof(buf)) : 0;

	if (n > 0) {
		seq_putc(s, ',');
		seq_write(s, buf, n);
	}
}

static void show_mounts_line(struct seq *s, struct mount *m, const char *at)
{
	show_escaped(s, m->source);
	seq_putc(s, ' ');
	show_escaped(s, at);
	seq_printf(s, " %s ", m->sb->type);
	show_flags(s, m->flags, mount_readonly(m));
	show_super_options(s, m->sb);
	seq_printf(s, " 0 0\n");
}

static void show_mountinfo_line(struct seq *s, struct mount *m, const char *at)
{
	char root[PATH_LEN_MAX];
	struct back b = { root, root + sizeof(root), false };

	prepend(&b, "", 1);
	for (struct dentry *d = m->root; d->parent != d; d = d->parent) {
		prepend(&b, d->name, d->name_len);
		prepend(&b, "/", 1);
	}
	if (*b.p == 0)
		prepend(&b, "/", 1);
	seq_printf(s, "%d %d %u:%u ", m->id, m->parent ? m->parent->id : m->id, major(m->sb->dev),
		   minor(m->sb->dev));
	show_escaped(s, b.p);
	seq_putc(s, ' ');
	show_escaped(s, at);
	seq_putc(s, ' ');
	show_flags(s, m->flags, mount_has(m, MNT_RDONLY));
	seq_printf(s, " - %s ", m->sb->type);
	show_escaped(s, m->source);
	seq_printf(s, " %s", (m->sb->flags & SB_RDONLY) ? "ro" : "rw");
	show_super_options(s, m->sb);
	seq_putc(s, '\n');
}

int mount_show(struct mount_ns *ns, const struct path *root, bool mountinfo, char **ret, size_t *len)
{
	struct seq s = { 0 };
	char at[PATH_LEN_MAX];

	rwlock_rdlock(&mount_lock);
	dcache_rdlock();
	list_for_each(node, &ns->mounts) {
		struct mount *m = list_entry(node, struct mount, ns_link);
		struct path p = { m, m->root };

		if (to_str_locked(&p, root, at, sizeof(at), false) < 0)
			continue; /* not below the reader's root */
		if (mountinfo)
			show_mountinfo_line(&s, m, at);
		else
			show_mounts_line(&s, m, at);
	}
	dcache_unlock();
	rwlock_unlock(&mount_lock);
	if (s.failed) {
		free(s.buf);
		return -ENOMEM;
	}
	*ret = s.buf;
	*len = s.len;
	return 0;
}
