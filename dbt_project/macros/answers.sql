{#- What the views that answer a question (schema `bi`) say of how sure they are. -#}

{#- 95 % confidence interval of a share, by Wilson's score: `side` is 'low' or 'high'. Null of none. -#}
{% macro share_interval(hits, n, side) -%}
    {%- set end = '0' if side == 'low' else n -%}
    case
        -- What rounding would make of it is a share below none or above all.
        when {{ n }} > 0 and {{ hits }} = {{ end }} then {{ 0 if side == 'low' else 1 }}
        else (
            cast({{ hits }} as double) + 1.9208
            {{ '-' if side == 'low' else '+' }} 1.96 * sqrt(
                cast({{ hits }} as double) * ({{ n }} - {{ hits }}) / nullif({{ n }}, 0) + 0.9604
            )
        ) / (nullif({{ n }}, 0) + 3.8416)
    end
{%- endmacro %}

{#- The value of a place in the order of a group, `n` values in all: a percentile by nearest rank, and
    the places between which it lies in 95 of 100 samples (binomial, normal approximation). A place
    before the first or after the last value is null: so few values set no such bound.

    values, place: The values, and their places in order from 1.
    side: 'at' (the percentile itself), 'low' or 'high'. -#}
{% macro value_at(values, place, n, share, side='at') -%}
    {%- set spread = '1.96 * sqrt(' ~ n ~ ' * ' ~ share ~ ' * ' ~ (1 - share) | round(4) ~ ')' -%}
    max(
        case
            when {{ n }} >= {{ var('least_percentile_values') }} and {{ place }} = ceil(
                {{ n }} * {{ share }}
                {%- if side == 'low' %} - {{ spread }}{% elif side == 'high' %} + {{ spread }}{% endif %}
            )
                then {{ values }}
        end
    )
{%- endmacro %}

{#- Up to five items by which people can see it for themselves, the first ones of an order. -#}
{% macro first_five(keys, place) -%}
    {{ joined_texts('case when ' ~ place ~ ' <= 5 then ' ~ keys ~ ' end', place) }}
{%- endmacro %}
