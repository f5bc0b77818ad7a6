"""The demo shop's pages: whom to play, the chat, the mailbox, product pictures. None of it exists outside demo mode."""
