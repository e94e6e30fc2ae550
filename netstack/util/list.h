/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked list with a sentinel head.
 *
 * A node that is on no list points to itself (list_init) or is all zero; both read as unlinked, so
 * zeroed objects need no initialisation of their nodes. A head must be initialised with
 * list_init(). Nothing allocates; removal and insertion are O(1).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"

struct list {
	struct list *next;
	struct list *prev;
};

static inline void list_init(struct list *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

/* Whether @node is on some list. */
static inline bool list_linked(const struct list *node)
{
	return node->next && node->next != node;
}

static inline void list_insert_(struct list *prev, struct list *next, struct list *node)
{
	node->prev = prev;
	node->next = next;
	prev->next = node;
	next->prev = node;
}

/* Inserts at the front. */
static inline void list_push_front(struct list *head, struct list *node)
{
	list_insert_(head, head->next, node);
}

/* Inserts at the back. */
static inline void list_push_back(struct list *head, struct list *node)
{
	list_insert_(head->prev, head, node);
}

static inline void list_insert_before(struct list *at, struct list *node)
{
	list_insert_(at->prev, at, node);
}

static inline void list_insert_after(struct list *at, struct list *node)
{
	list_insert_(at, at->next, node);
}

/* Unlinks @node; harmless if it is on no list. */
static inline void list_remove(struct list *node)
{
	if (!node->next)
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* First and last node, or NULL. */
static inline struct list *list_first(const struct list *head)
{
	return list_empty(head) ? NULL : head->next;
}

static inline struct list *list_last(const struct list *head)
{
	return list_empty(head) ? NULL : head->prev;
}

/* Successor of @node on @head, or NULL at the end. */
static inline struct list *list_next(const struct list *head, const struct list *node)
{
	return node->next == head ? NULL : node->next;
}

static inline struct list *list_prev(const struct list *head, const struct list *node)
{
	return node->prev == head ? NULL : node->prev;
}

static inline struct list *list_pop_front(struct list *head)
{
	struct list *node = list_first(head);

	if (node)
		list_remove(node);
	return node;
}

/* Moves all of @from to the back of @to and leaves @from empty. */
static inline void list_splice_back(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(node, type, member) container_of(node, type, member)

#define list_first_entry(head, type, member)                                                       \
	({                                                                                         \
		struct list *first_ = list_first(head);                                            \
		first_ ? list_entry(first_, type, member) : NULL;                                  \
	})

#define list_last_entry(head, type, member)                                                        \
	({                                                                                         \
		struct list *last_ = list_last(head);                                              \
		last_ ? list_entry(last_, type, member) : NULL;                                    \
	})

#define list_pop_entry(head, type, member)                                                         \
	({                                                                                         \
		struct list *popped_ = list_pop_front(head);                                       \
		popped_ ? list_entry(popped_, type, member) : NULL;                                \
	})

#define list_for_each(node, head)                                                                  \
	for (struct list *node = (head)->next; node != (head); node = node->next)

/* Safe against removal of the current node. */
#define list_for_each_safe(node, head)                                                             \
	for (struct list *node = (head)->next, *node##_next_ = node->next; node != (head);         \
	     node = node##_next_, node##_next_ = node->next)

#define list_for_each_entry(var, head, member)                                                     \
	for (struct list *var##_node_ = (head)->next;                                              \
	     var##_node_ != (head) &&                                                              \
	     ((var) = list_entry(var##_node_, __typeof__(*(var)), member), 1);                     \
	     var##_node_ = var##_node_->next)

/* Safe against removal of the current entry; `break` leaves the loop. */
#define list_for_each_entry_safe(var, head, member)                                                \
	for (struct list *var##_node_ = (head)->next, *var##_next_ = var##_node_->next;            \
	     var##_node_ != (head) &&                                                              \
	     ((var) = list_entry(var##_node_, __typeof__(*(var)), member), 1);                     \
	     var##_node_ = var##_next_, var##_next_ = var##_node_->next)
