/* SPDX-License-Identifier: Apache-2.0 */
/* The robust list at a thread's end (get_robust_list(2)): marks the locks that it held as those of
 * a dead owner. The list is guest memory: its length is bounded, and a bad pointer ends the walk.
 */
#include <linux/futex.h>

#include "task/futex.h"

struct robust_head {
	uint64_t next;
	int64_t offset;
	uint64_t pending;
};

void futex_exit_robust(struct task *t)
{
	uint64_t head_addr = t->robust_list, entry, next;
	struct robust_head head;

	t->robust_list = 0;
	if (!head_addr || copy_in(t, &head, head_addr, sizeof(head)) < 0)
		return;

	uint64_t pending = head.pending & ~UINT64_C(1);

	entry = head.next;
	for (int n = 0; n < ROBUST_LIST_LIMIT; n++) {
		uint64_t node = entry & ~UINT64_C(1);
		bool pi = (entry & 1) != 0;

		if (node == head_addr)
			break;
		/* Read the link first: the lock's next owner may free it. */
		int r = copy_in(t, &next, node, sizeof(next));

		if (node != pending)
			futex_owner_died(t, node + (uint64_t)head.offset, pi);
		if (r < 0)
			return;
		entry = next;
	}
	if (pending)
		futex_owner_died(t, pending + (uint64_t)head.offset, (head.pending & 1) != 0);
}
