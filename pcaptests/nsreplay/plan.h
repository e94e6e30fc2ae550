/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a capture as one of its ends saw it: which frames that end sent, what its application did
 * and when, and how its stack was configured. */
#pragma once

#include "capture.h"
#include "script.h"

enum plan_side { PLAN_PLAY, PLAN_CLIENT, PLAN_SERVER };

/* Chooses the addresses that the stack plays: those of the script, or the end that opened (CLIENT)
 * or was called (SERVER). 0, or -EINVAL with @problem if the capture does not say. */
MUST_CHECK int plan_choose(struct script *script, const struct capture *capture,
			   enum plan_side side, struct problem *problem);

/* Whether the played end sent this frame. */
bool plan_sent(const struct script *script, const struct frame *frame, enum frame_kind kind);

/* Adds what the script does not say: addresses, neighbours, tunables, and with script->derive the
 * actions of the application. Conversations whose beginning is not in the capture are left out and
 * counted in *@partial. 0 or -ENOMEM. */
MUST_CHECK int plan_derive(struct script *script, const struct capture *capture, size_t *partial);
