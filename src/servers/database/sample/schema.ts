/** Who queries run as: it may read the shop and nothing else. */
export const READER_ROLE = 'mcpx_reader';

/** The latest day in the generated rows; every start moves all dates so that it becomes today. */
export const ANCHOR_DAY = '2025-06-30';

/** Tables, keys and the comments that become the descriptions of `database://metadata`. */
export const SHOP_SCHEMA = `
CREATE TABLE customers (
  customer_id integer PRIMARY KEY,
  full_name   text NOT NULL,
  email       text NOT NULL UNIQUE,
  city        text NOT NULL,
  country     text NOT NULL,
  created_at  timestamptz NOT NULL
);
CREATE TABLE products (
  product_id   integer PRIMARY KEY,
  product_name text NOT NULL UNIQUE,
  category     text NOT NULL,
  price        numeric(10,2) NOT NULL CHECK (price > 0),
  cost         numeric(10,2) NOT NULL CHECK (cost > 0),
  created_at   timestamptz NOT NULL,
  name         text NOT NULL GENERATED ALWAYS AS (product_name) STORED
);
CREATE TABLE orders (
  order_id    integer PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customers,
  order_date  date NOT NULL,
  status      text NOT NULL CHECK (status IN ('pending', 'shipped', 'delivered', 'cancelled'))
);
CREATE TABLE order_items (
  order_id   integer NOT NULL REFERENCES orders,
  product_id integer NOT NULL REFERENCES products,
  quantity   integer NOT NULL CHECK (quantity > 0),
  unit_price numeric(10,2) NOT NULL,
  PRIMARY KEY (order_id, product_id)
);
CREATE TABLE sales (
  sale_id      integer PRIMARY KEY,
  order_id     integer NOT NULL REFERENCES orders,
  product_id   integer NOT NULL REFERENCES products,
  customer_id  integer NOT NULL REFERENCES customers,
  quantity     integer NOT NULL CHECK (quantity > 0),
  unit_price   numeric(10,2) NOT NULL,
  total_amount numeric(12,2) NOT NULL,
  sale_date    date NOT NULL
);

COMMENT ON TABLE customers IS 'People who have an account in the shop';
COMMENT ON COLUMN customers.customer_id IS 'Number of the customer';
COMMENT ON COLUMN customers.full_name IS 'First and last name';
COMMENT ON COLUMN customers.email IS 'Address that the account is registered with, one per customer';
COMMENT ON COLUMN customers.city IS 'City of delivery';
COMMENT ON COLUMN customers.country IS 'Country of delivery, English name';
COMMENT ON COLUMN customers.created_at IS 'When the account was opened';

COMMENT ON TABLE products IS 'What the shop sells; ids and names are those of the product metadata';
COMMENT ON COLUMN products.product_id IS 'Number of the product, the digits of its canonical id';
COMMENT ON COLUMN products.product_name IS 'Official name';
COMMENT ON COLUMN products.name IS 'The same as product_name';
COMMENT ON COLUMN products.category IS 'Main category';
COMMENT ON COLUMN products.price IS 'List price of one piece in US dollars';
COMMENT ON COLUMN products.cost IS 'Purchase cost of one piece in US dollars';
COMMENT ON COLUMN products.created_at IS 'When the product came into the shop';

COMMENT ON TABLE orders IS 'One row for each order, cancelled ones too';
COMMENT ON COLUMN orders.order_id IS 'Number of the order';
COMMENT ON COLUMN orders.customer_id IS 'Who ordered';
COMMENT ON COLUMN orders.order_date IS 'Day of the order';
COMMENT ON COLUMN orders.status IS 'pending, shipped, delivered or cancelled';

COMMENT ON TABLE order_items IS 'The products of each order';
COMMENT ON COLUMN order_items.order_id IS 'The order';
COMMENT ON COLUMN order_items.product_id IS 'The product, once per order';
COMMENT ON COLUMN order_items.quantity IS 'Pieces';
COMMENT ON COLUMN order_items.unit_price IS 'Price of one piece at the time, in US dollars';

COMMENT ON TABLE sales IS 'One row for each product sold: the items of all orders that were not cancelled';
COMMENT ON COLUMN sales.sale_id IS 'Number of the sale';
COMMENT ON COLUMN sales.order_id IS 'The order it belongs to';
COMMENT ON COLUMN sales.product_id IS 'What was sold';
COMMENT ON COLUMN sales.customer_id IS 'Who bought it';
COMMENT ON COLUMN sales.quantity IS 'Pieces';
COMMENT ON COLUMN sales.unit_price IS 'Price of one piece in US dollars';
COMMENT ON COLUMN sales.total_amount IS 'Revenue in US dollars: quantity times unit price';
COMMENT ON COLUMN sales.sale_date IS 'Day of the sale, the day of its order';
`;

/** After the rows, because an index built once is smaller. */
export const SHOP_FINISH = `
CREATE INDEX orders_customer_id ON orders (customer_id);
CREATE INDEX orders_order_date ON orders (order_date);
CREATE INDEX sales_product_id ON sales (product_id);
CREATE INDEX sales_customer_id ON sales (customer_id);
CREATE INDEX sales_sale_date ON sales (sale_date);
CREATE ROLE ${READER_ROLE} NOLOGIN NOSUPERUSER NOINHERIT;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO ${READER_ROLE};
GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${READER_ROLE};
ANALYZE;
`;

/**
 * Moves all dates so that the latest order is of today: a shop whose last sale was today has rows for "this month" on
 * any day. A second time on one day it changes nothing.
 */
export const SHIFT_DATES = `
DO $$
DECLARE days integer := CURRENT_DATE - (SELECT max(order_date) FROM orders);
BEGIN
  IF days <> 0 THEN
    UPDATE customers SET created_at = created_at + days * INTERVAL '1 day';
    UPDATE products SET created_at = created_at + days * INTERVAL '1 day';
    UPDATE orders SET order_date = order_date + days;
    UPDATE sales SET sale_date = sale_date + days;
  END IF;
END $$;
`;
