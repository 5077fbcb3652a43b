// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** Why a file cannot be had, in words: the JDK's exceptions say it with their names alone, and have the path as message. */
public final class FileReason {

    private FileReason() {
    }

    /** The reason, to follow the path and a colon. */
    public static String of(IOException e) {
        return switch (e) {
            case NoSuchFileException _ -> "its directory does not exist";
            case AccessDeniedException _ -> "permission denied";
            case FileSystemException file when file.getReason() == null -> file.getClass().getSimpleName();
            case FileSystemException file -> file.getReason();
            default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        };
    }
}
