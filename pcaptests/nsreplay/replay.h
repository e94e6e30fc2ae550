/* SPDX-License-Identifier: Apache-2.0 */
/* The replay itself: a stack, a script, a capture, virtual time. */
#pragma once

#include <stdio.h>

#include "capture.h"
#include "compare.h"
#include "script.h"

struct replay_result {
	struct capture did;   /* all frames, both directions, with the stack's numbers */
	struct cmp_list want; /* what the played end sent in the capture */
	struct cmp_list got;  /* what the stack sent */
	struct flows flows;   /* to read @did with: its ports that stand for captured ones */
};

/* Runs @script against the frames of @capture that the played end did not send, and tells the story
 * to @story (may be NULL). 0, -EINVAL, -ENOMEM with @problem. */
MUST_CHECK int replay_run(struct replay_result *ret, const struct script *script,
			  const struct capture *capture, FILE *story, struct problem *problem);
void replay_fini(struct replay_result *result);

/* The frames of a golden that the stack sent, dissected. @flows: aliases. */
MUST_CHECK int replay_dissect(struct cmp_list *ret, const struct capture *did, struct flows *flows);
