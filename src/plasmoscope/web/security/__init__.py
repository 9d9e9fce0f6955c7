"""Who is acting, and what may come in."""
