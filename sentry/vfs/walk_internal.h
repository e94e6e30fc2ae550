/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a path walk; shared by walk.c and open.c. */
#pragma once

#include "vfs/walk.h"

#define WALK_MAX_LINKS 40

struct walk {
	struct task *task; /* may be NULL at boot */
	const struct cred *cred; /* borrowed */
	uint64_t resolve; /* RESOLVE_* */
	struct path root; /* what "/" is */
	struct path start; /* with RESOLVE_BENEATH and RESOLVE_IN_ROOT */
	struct path cur;
	struct file *file; /* a magic link led to a file without a place; cur is empty then */
	struct fname last; /* after walk_parent() */
	enum last_kind last_kind;
	bool trailing_slash;
	bool must_dir;
	bool for_read; /* the last component is going to be opened for reading */
	bool jumped; /* a magic link: cur is the object itself */
	int n_links;
	int depth;
	int n_bodies;
	/* What is left to resolve, innermost last; not initialised as a whole. */
	const char *stack[WALK_MAX_LINKS + 2];
	char *bodies[WALK_MAX_LINKS + 2];
};

int walk_init(struct walk *w, struct task *t, int dfd, const char *name, uint64_t resolve);
void walk_fini(struct walk *w);
/* Resolves all but the last component, which is then in last, last_kind, trailing_slash. */
int walk_parent(struct walk *w);
/* Resolves to the end. */
int walk_finish(struct walk *w, unsigned int flags);
int walk_lookup_name(struct walk *w, const struct fname *name, struct dentry **ret);
int walk_follow(struct walk *w, struct dentry *d);
int walk_enter(struct walk *w, struct dentry *d);
