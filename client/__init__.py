"""The desktop window: draws, sends pixels over HTTP, shows answers. It never imports service or trainer."""
