/* SPDX-License-Identifier: Apache-2.0 */
/* The privileged half: makes the descriptors that tap/io drives. Runs in runsc, in the network
 * namespace of the link. Every failure leaves nothing behind.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tap_link {
	int fd; /* O_CLOEXEC | O_NONBLOCK */
	char name[16];
	int ifindex;
	uint32_t mtu;
	uint8_t mac[6];
	uint32_t offloads; /* TAP_OFFLOAD_* enabled on fd */
};

/* Opens an AF_PACKET socket with PACKET_VNET_HDR on interface @name of this network namespace. The
 * host keeps forwarding frames to its own stack too: remove the addresses first.
 * Errors: -ENODEV, -EPERM, -EMEDIUMTYPE when the interface has no Ethernet header. */
int tap_open_afpacket(const char *name, struct tap_link *ret);

struct tap_tun_config {
	const char *name;	  /* may hold %d; attached to when it exists, made otherwise */
	uint32_t mtu;		  /* of the device, 0: as it is */
	const uint8_t *guest_mac; /* of the sandbox end; NULL: a random local one */
	bool persist;		  /* the device outlives the descriptor */
	bool up;		  /* sets the host side up */
};

/* Creates a tap device or attaches to it, with vnet headers and every offload the host has.
 * ret->mac is the sandbox's address, not the one of the host's side.
 * Errors: -EPERM, -ENOENT without /dev/net/tun, -EBUSY when somebody else is attached. */
int tap_open_tuntap(const struct tap_tun_config *cfg, struct tap_link *ret);

/* A random locally administered unicast address. */
int tap_random_mac(uint8_t ret[6]);
