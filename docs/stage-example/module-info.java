// SPDX-License-Identifier: Apache-2.0

/** A stage for hv: see the package documentation of dev.miraflores.aio. */
module dev.example.protect {
    requires dev.miraflores.aio;
    provides dev.miraflores.aio.BlockStageProvider with dev.example.protect.ProtectStageProvider;
}
