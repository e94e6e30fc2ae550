/* SPDX-License-Identifier: Apache-2.0 */
/* The conversation as a capture file. */
#pragma once

#include "nsdrill/target.h"

/* Wraps a target: what passes its wire is also written to @path (pcap, bare IP packets). Takes
 * @inner. Without a writable file the target stays as it is, with a message. */
struct target *target_pcap(struct target *inner, const char *path);
