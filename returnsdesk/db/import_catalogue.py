"""Loading products with their variants and stock, by product id and SKU."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from returnsdesk.db.import_context import Effect, ImportContext, assign, effect_of, minor
from returnsdesk.db.models import Product, StockItem, Variant
from returnsdesk.db.shop_files import LineRejected
from returnsdesk.db.shop_records import ProductRecord, VariantRecord


class ProductImport:
    """Loads products within one transaction; everything that is there already is read once, at the start."""

    def __init__(
        self, session: Session, context: ImportContext, records: Sequence[ProductRecord]
    ) -> None:
        """Read and lock what the records may change."""
        self._session = session
        self._context = context
        self._products = {
            product.external_id: product
            for product in session.scalars(
                select(Product)
                .where(Product.external_id.in_([record.product_id for record in records]))
                .options(selectinload(Product.variants))
            )
        }
        skus = [variant.sku for record in records for variant in record.variants]
        owners = session.execute(
            select(Variant.sku, Product.external_id)
            .join(Product, Product.id == Variant.product_id)
            .where(Variant.sku.in_(skus))
        )
        self._owner_of_sku: dict[str, str] = dict(owners.all())
        self._lock_stock()

    def load(self, record: ProductRecord) -> Effect:
        """Load one product whole, or raise `LineRejected` before anything has changed."""
        prices = self._check(record)
        product = self._products.get(record.product_id)
        is_new = product is None
        if product is None:
            product = Product(external_id=record.product_id)
            self._session.add(product)
            self._products[record.product_id] = product
        names = (
            {self._context.language: record.name} if isinstance(record.name, str) else record.name
        )
        changed = assign(
            product,
            {
                "names": dict(names),
                "category": record.category,
                "final_sale": record.final_sale,
                "hygiene": record.hygiene,
                "personalised": record.personalised,
                "size_chart": record.size_chart,
                "image_url": record.image_url,
            },
        )
        existing = {variant.sku: variant for variant in product.variants}
        for position, (variant, price) in enumerate(zip(record.variants, prices, strict=True)):
            changed |= _load_variant(
                product, existing.pop(variant.sku, None), variant, position, price
            )
            self._owner_of_sku[variant.sku] = record.product_id
        for dropped in existing.values():
            # Orders still point to it, so it stays; but the shop does not sell it any more.
            changed |= assign(dropped.stock, {"on_hand": dropped.stock.reserved})
        return effect_of(is_new=is_new, changed=changed)

    def _check(self, record: ProductRecord) -> list[int]:
        """Prices in minor units; raises `LineRejected` when the variants cannot be loaded."""
        seen: set[str] = set()
        for variant in record.variants:
            if variant.sku in seen:
                raise LineRejected(f"sku {variant.sku} stands there twice")
            seen.add(variant.sku)
            owner = self._owner_of_sku.get(variant.sku, record.product_id)
            if owner != record.product_id:
                raise LineRejected(f"sku {variant.sku} belongs to product {owner}")
        return [
            minor(variant.price, variant.currency, f"price of {variant.sku}")
            for variant in record.variants
        ]

    def _lock_stock(self) -> None:
        """Reservations made meanwhile on PostgreSQL wait, so that stock never falls below them."""
        variants = [each.id for product in self._products.values() for each in product.variants]
        self._session.scalars(
            select(StockItem)
            .where(StockItem.variant_id.in_(variants))
            .order_by(StockItem.variant_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()


def _load_variant(
    product: Product,
    variant: Variant | None,
    record: VariantRecord,
    position: int,
    price_minor: int,
) -> bool:
    if variant is None:
        variant = Variant(sku=record.sku, stock=StockItem(on_hand=0, reserved=0))
        product.variants.append(variant)
    changed = assign(
        variant,
        {
            "options": dict(record.options),
            "price_minor": price_minor,
            "currency": record.currency,
            "position": position,
        },
    )
    # Units that are promised to an exchange stay in the warehouse whatever the file says.
    on_hand = max(record.stock, variant.stock.reserved)
    return assign(variant.stock, {"on_hand": on_hand}) or changed
