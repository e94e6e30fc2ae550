/* SPDX-License-Identifier: Apache-2.0 */
/* The flags before the command. */
#pragma once

#include <stdbool.h>

#include "net/net.h"

struct globals {
	const char *root, *log, *log_format, *debug_log;
	const char *platform, *network, *overlay, *pcap;
	const char *tap_name, *tap_ip;
	const char *rootless;
	bool debug, strace, systemd_cgroup, no_patching, ignore_cgroups, no_user_ns;
	bool version, help;
	/* Read from the words above. */
	enum net_mode net_mode;
	bool overlay_root, overlay_binds;
};
