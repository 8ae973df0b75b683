//! What a person types, read: `/join #hearth`, `/me waves`, or just a line.
