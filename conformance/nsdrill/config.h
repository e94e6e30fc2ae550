/* SPDX-License-Identifier: Apache-2.0 */
/* What a run of a script is told: by its variant, by the script, by the command line, in that
 * order of strength. */
#pragma once

#include "nsdrill/script.h"

enum variant { VARIANT_IPV4, VARIANT_MAPPED, VARIANT_IPV6, VARIANT_COUNT };

/* An address that the run uses, with the length of its prefix. */
struct config_addr {
	uint8_t bytes[16]; /* network order; IPv4 in the first four */
	int prefix_len;
};

struct config {
	enum variant variant;
	int socket_family; /* what socket(..., ) opens */
	int wire_family;
	uint16_t bind_port, connect_port; /* ours, the peer's */
	struct config_addr local, remote, gateway;
	int64_t tolerance_us;
	double tolerance_percent;
	bool ts_ecr_scaled;
	int64_t ts_tick_us; /* 0: values of our timestamps are not checked */
	uint32_t mtu;
	uint16_t mss; /* of large packets given to the stack; 0: none are */
	bool strict_segments;
	bool no_extra; /* packets that the script does not expect fail it at its end */
	bool verbose, trace;
	const char *pcap; /* file or NULL */
};

const char *variant_name(enum variant v);

/* The variant's own settings and the words that Google's scripts expect to be defined. */
void config_init(struct config *cfg, enum variant v, struct defines *defines);

/* Whether the script says that it is not for this variant (--ip_version, or addresses). */
bool config_variant_fits(const struct script *script, const char *path, enum variant v);

/* One --name=value. 0; -ENOENT: no such option; -EINVAL: a bad value. */
int config_option(struct config *cfg, struct defines *defines, const char *name, const char *value);
