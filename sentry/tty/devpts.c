/* SPDX-License-Identifier: Apache-2.0 */
/* devpts: one node per pseudo terminal, and the multiplexor. Each mount is an instance with numbers
 * of its own, as in Linux since 4.7. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "task/task.h"
#include "tty/tty_internal.h"
#include "util/cleanup.h"
#include "vfs/dentry.h"
#include "vfs/pseudo.h"

#define DEVPTS_MAGIC 0x1cd1U
#define PTY_MAX 4096U
#define PTMX_INO 2

static struct mutex first_mu = {PTHREAD_MUTEX_INITIALIZER, RANK_LEAF};
static struct devpts *first; /* [first_mu] reference; what a ptmx node elsewhere means */

void devpts_put(struct devpts *d)
{
	if (!d || !ref_put(&d->ref))
		return;
	mutex_fini(&d->mu);
	free(d->ptys);
	free(d);
}

/* ---- nodes ---- */

static int slave_open(struct pseudo_inode *pi, struct task *t, struct file *f)
{
	return pty_slave_open(pi->data, t, f);
}

static bool slave_alive(struct pseudo_inode *pi)
{
	struct pty *p = pi->data;

	mutex_lock(&p->mu);
	bool alive = !p->master_closed;

	mutex_unlock(&p->mu);
	return alive;
}

static void slave_release_node(struct pseudo_inode *pi)
{
	pty_put(pi->data);
}

static const struct pseudo_ops slave_node_ops = {
	.open = slave_open,
	.alive = slave_alive,
	.release = slave_release_node,
};

static int multiplexor_open(struct pseudo_inode *pi, struct task *t, struct file *f)
{
	return ptmx_open(&pi->inode, t, f);
}

static const struct pseudo_ops ptmx_ops = {.open = multiplexor_open};

static bool parse_index(const struct fname *name, uint32_t *ret)
{
	uint32_t n = 0;

	if (name->len == 0 || name->len > 7 || (name->len > 1 && name->s[0] == '0'))
		return false;
	for (size_t i = 0; i < name->len; i++) {
		if (name->s[i] < '0' || name->s[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(name->s[i] - '0');
	}
	*ret = n;
	return true;
}

static int root_lookup(struct pseudo_inode *dir, struct task *t, const struct fname *name,
		       struct inode **ret)
{
	struct devpts *d = dir->data;
	struct inode *inode = NULL;
	uint32_t i;

	(void)t;
	if (!parse_index(name, &i) || i >= d->max)
		return -ENOENT;
	mutex_lock(&d->mu);
	struct pty *p = d->ptys[i];

	if (p && !ref_get_unless_zero(&p->ref))
		p = NULL;
	mutex_unlock(&d->mu);
	if (!p)
		return -ENOENT;
	mutex_lock(&p->mu);
	if (p->inode)
		inode = inode_get(p->inode);
	mutex_unlock(&p->mu);
	pty_put(p);
	if (!inode)
		return -ENOENT;
	*ret = inode;
	return 0;
}

static int root_readdir(struct pseudo_inode *dir, struct task *t, struct dir_sink *sink,
			int64_t *pos)
{
	struct devpts *d = dir->data;
	char name[16];
	int r = 0;

	(void)t;
	mutex_lock(&d->mu);
	for (uint32_t i = (uint32_t)(*pos - 2); i < d->max; i++) {
		if (!d->ptys[i])
			continue;

		int n = snprintf(name, sizeof(name), "%u", i);

		if (!sink->emit(sink, name, (size_t)n, i + PTMX_INO + 1, S_IFCHR >> 12, i + 3))
			break;
		*pos = i + 3;
	}
	mutex_unlock(&d->mu);
	return r;
}

static void root_release(struct pseudo_inode *pi)
{
	devpts_put(pi->data);
}

static const struct pseudo_ops root_ops = {
	.lookup = root_lookup,
	.readdir = root_readdir,
	.release = root_release,
};

/* ---- mounting ---- */

static int parse_option(struct devpts *d, const char *word)
{
	unsigned int v;

	if (sscanf(word, "mode=%o", &v) == 1)
		d->mode = v & 07777;
	else if (sscanf(word, "ptmxmode=%o", &v) == 1)
		d->ptmx_mode = v & 07777;
	else if (sscanf(word, "uid=%u", &v) == 1)
		d->uid = v, d->has_uid = true;
	else if (sscanf(word, "gid=%u", &v) == 1)
		d->gid = v, d->has_gid = true;
	else if (sscanf(word, "max=%u", &v) == 1)
		d->max = MIN(v, PTY_MAX);
	else if (strcmp(word, "newinstance") != 0)
		return -EINVAL;
	return 0;
}

static int parse_options(struct devpts *d, const char *options)
{
	char *copy = options ? strdup(options) : NULL, *save = NULL;
	int r = options && !copy ? -ENOMEM : 0;

	for (char *w = copy ? strtok_r(copy, ",", &save) : NULL; w && r == 0;
	     w = strtok_r(NULL, ",", &save))
		r = parse_option(d, w);
	free(copy);
	return r;
}

static size_t show_options(struct super *sb, char *buf, size_t size)
{
	struct devpts *d = pseudo_root(sb)->data;
	int n = 0;

	if (d->has_gid)
		n = snprintf(buf, size, ",gid=%u", d->gid);
	n += snprintf(buf + n, size - (size_t)n, ",mode=%03o,ptmxmode=%03o", d->mode, d->ptmx_mode);
	return (size_t)n;
}

static void instance_free(struct super *sb)
{
	free(container_of(sb, struct pseudo_super, sb));
}

static const struct super_ops instance_ops = {
	.free = instance_free,
	.show_options = show_options,
};

static int add_ptmx(struct super *sb, struct devpts *d)
{
	struct pseudo_inode *ptmx = NULL;
	int r = pseudo_add(pseudo_root(sb), "ptmx", S_IFCHR | d->ptmx_mode, &ptmx_ops, NULL, 0,
			   &ptmx);

	if (r == 0) {
		ptmx->inode.rdev = makedev(5, 2);
		ptmx->inode.ino = PTMX_INO;
	}
	return r;
}

int devpts_new(struct super **ret, const char *options)
{
	struct devpts *d = calloc(1, sizeof(*d));
	struct super *sb = NULL;

	if (!d)
		return -ENOMEM;
	ref_init(&d->ref);
	mutex_init(&d->mu, RANK_OBJECT);
	d->mode = 0600;
	d->ptmx_mode = 0;
	d->max = PTY_MAX;
	int r = parse_options(d, options);

	d->ptys = r == 0 ? calloc(PTY_MAX, sizeof(struct pty *)) : NULL;
	if (r == 0 && !d->ptys)
		r = -ENOMEM;
	if (r == 0)
		r = pseudo_super_new(&sb, "devpts", DEVPTS_MAGIC, &root_ops);
	if (r < 0) {
		devpts_put(d);
		return r;
	}
	sb->ops = &instance_ops;
	d->sb = sb;
	pseudo_root(sb)->data = d;
	pseudo_root(sb)->inode.mode = S_IFDIR | 0755;
	r = add_ptmx(sb, d);
	if (r < 0) {
		super_put(sb);
		return r;
	}
	mutex_lock(&first_mu);
	if (!first) {
		ref_get(&d->ref);
		super_get(sb); /* a node elsewhere may need it after an umount */
		first = d;
	}
	mutex_unlock(&first_mu);
	*ret = sb;
	return 0;
}

/* ---- the multiplexor ---- */

static int make_node(struct pty *p, struct task *t)
{
	struct devpts *d = p->devpts;
	struct pseudo_inode *node = NULL;
	int r = pseudo_inode_new(d->sb, S_IFCHR | d->mode, &slave_node_ops, pty_get(p), 0, &node);

	if (r < 0) {
		pty_put(p);
		return r;
	}
	node->inode.ino = p->index + PTMX_INO + 1;
	node->inode.rdev = makedev(136 + p->index / 256, p->index % 256);
	inode_set_owner(&node->inode, d->has_uid ? d->uid : t->cred->fsuid,
			d->has_gid ? d->gid : t->cred->fsgid);
	mutex_lock(&p->mu);
	p->inode = &node->inode;
	mutex_unlock(&p->mu);
	return 0;
}

int ptmx_open(struct inode *inode, struct task *t, struct file *f)
{
	struct devpts *d = NULL;
	struct pty *p = NULL;
	int r;

	if (inode->sb->magic == DEVPTS_MAGIC) {
		d = pseudo_root(inode->sb)->data;
	} else {
		mutex_lock(&first_mu);
		d = first;
		mutex_unlock(&first_mu);
	}
	if (!d)
		return -ENODEV;
	r = pty_master_open(d, f, &p);
	if (r < 0)
		return r;
	r = make_node(p, t);
	if (r < 0) {
		f->ops->release(f);
		f->ops = NULL;
	}
	return r;
}
